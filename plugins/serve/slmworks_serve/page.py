"""The page at `/docs`: every operation and a form to try it, in one file without outside parts.

Swagger's own page loads its scripts from another host; this one works where there is no network.
"""

import json
from html import escape
from string import Template
from typing import Any

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
 body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
 h1{margin-bottom:0} .about{color:#57606a;margin-top:.2rem;overflow-wrap:anywhere}
 table{border-collapse:collapse;width:100%} td{border-top:1px solid #d8dee4;padding:.4rem .6rem .4rem 0}
 code,pre,textarea{font:14px/1.5 ui-monospace,monospace} b{color:#0969da}
 pre{background:#f6f8fa;padding:.8rem;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
 textarea{width:100%;box-sizing:border-box;padding:.6rem;border:1px solid #d0d7de;border-radius:6px}
 button{margin:.5rem 0;padding:.4rem 1.1rem;font:inherit;border:0;border-radius:6px}
 button{background:#1f883d;color:#fff}
</style></head><body>
<h1>$title</h1><p class="about">$about</p>
<h2>Try it</h2>
<label for="text">Text, or one text a line</label>
<textarea id="text" rows="3">$example</textarea>
<button id="ask">Classify</button>
<pre id="answer" aria-live="polite">The answer appears here.</pre>
<h2>From a shell</h2>
<pre>curl $base/classify -H 'content-type: application/json' -d '$body'</pre>
<h2>Operations</h2>
<table>$rows</table>
<p>For programs: <a href="openapi.json">openapi.json</a>.</p>
<script>
document.getElementById("ask").onclick = async () => {
  const lines = document.getElementById("text").value.split("\\n").filter(line => line.trim());
  const body = JSON.stringify(lines.length === 1 ? {text: lines[0]} : {texts: lines});
  const answer = document.getElementById("answer");
  try {
    const headers = {"content-type": "application/json"};
    const reply = await fetch("classify", {method: "POST", headers, body});
    answer.textContent = JSON.stringify(await reply.json(), null, 1);
  } catch (error) { answer.textContent = "no answer: " + error.message; }
};
</script></body></html>
""")


def page(openapi: dict[str, Any], base: str, example: str) -> str:
    """The page as HTML, from the app's OpenAPI document and the address it was asked at."""
    rows = [
        f"<tr><td><b>{method.upper()}</b></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('description', ''))}</td></tr>"
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    return _PAGE.substitute(
        title=escape(openapi["info"]["title"]),
        about=escape(openapi["info"].get("description", "")),
        base=escape(base),
        example=escape(example),
        body=escape(json.dumps({"text": example}), quote=False),
        rows="\n".join(rows),
    )
