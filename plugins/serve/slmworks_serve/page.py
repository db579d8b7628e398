"""The page at `/docs`: every operation and a form to try it, in one file without outside parts.

Swagger's own page loads its scripts from another host; this one works where there is no network.
"""

import base64
import hashlib
import json
import re
import shlex
from html import escape
from string import Template
from typing import Any

from slmworks.contract.model_task import ModelTask, Row, input_types, only_text

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
$fields
<button id="ask">$verb</button>
<pre id="answer" aria-live="polite">The answer appears here.</pre>
<h2>From a shell</h2>
<pre>curl $base/$route -H 'content-type: application/json' -d $body</pre>
<h2>Operations</h2>
<table>$rows</table>
<p>For programs: <a href="${root}openapi.json">openapi.json</a>.</p>
<script>
const value = name => document.getElementById("input-" + name).value;
$question
document.getElementById("ask").onclick = async () => {
  const answer = document.getElementById("answer");
  try {
    const body = JSON.stringify(question());
    const headers = {"content-type": "application/json"};
    const reply = await fetch("$root$route", {method: "POST", headers, body});
    answer.textContent = JSON.stringify(await reply.json(), null, 1);
  } catch (error) { answer.textContent = "no answer: " + error.message; }
};
</script></body></html>
""")


_ONE_TEXT = Template("""const question = () => {
  const lines = value($one).split("\\n").filter(line => line.trim());
  return lines.length === 1 ? {[$one]: lines[0]} : {[$many]: lines};
};""")

_SEVERAL_INPUTS = Template("""const inputs = $inputs;  // name: true for a text, false for JSON
const question = () => Object.fromEntries(Object.entries(inputs).map(
  ([name, text]) => [name, text ? value(name) : JSON.parse(value(name))]));""")


def page(openapi: dict[str, Any], origin: str, prefix: str, task: ModelTask, row: Row) -> str:
    """The page as HTML, from the app's OpenAPI document and the address it was asked at.

    `row` stands in the form at first.

    `prefix`: the path under which the server is shown. Without one the page's links are relative.
    """
    rows = [
        f"<tr><td><b>{method.upper()}</b></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('description', ''))}</td></tr>"
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    body = json.dumps(dict(row), ensure_ascii=False)
    return _PAGE.substitute(
        title=escape(openapi["info"]["title"]),
        about=escape(openapi["info"].get("description", "")),
        base=escape(origin + prefix),
        root=escape(f"{prefix}/" if prefix else ""),
        route=escape(task.route),
        verb=escape(task.verb),
        body=escape(shlex.quote(body), quote=False),
        fields="\n".join(_field(name, value, only_text(task)) for name, value in row.items()),
        question=_question(task),
        rows="\n".join(rows),
    )


def policy(page: str) -> str:
    """The content security policy of a page: its own script and style, its own server, nothing else."""
    inside = {tag: re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("script", "style")}
    allowed = "; ".join(f"{tag}-src {' '.join(map(_hash, texts))}" for tag, texts in inside.items())
    return (
        f"default-src 'none'; {allowed}; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _field(name: str, value: Any, one_text: str) -> str:
    label = name.replace("_", " ").capitalize()
    label += f", or one {name} a line" if one_text else "" if isinstance(value, str) else ", as JSON"
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return (
        f'<label for="input-{escape(name)}">{escape(label)}</label>\n'
        f'<textarea id="input-{escape(name)}" rows="3">{escape(shown)}</textarea>'
    )


def _question(task: ModelTask) -> str:
    """The script's function that makes a request's body of the form."""
    if name := only_text(task):
        return _ONE_TEXT.substitute(one=json.dumps(name), many=json.dumps(f"{name}s"))
    texts = {name: kind is str for name, kind in input_types(task).items()}
    return _SEVERAL_INPUTS.substitute(inputs=json.dumps(texts))
