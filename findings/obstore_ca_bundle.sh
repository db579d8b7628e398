#!/usr/bin/env bash
# obstore (the object_store crate in Python): a private CA is taken from SSL_CERT_FILE, and AWS_CA_BUNDLE is not looked at
#
# Versions: obstore 0.12.1, trustme 1.2.1, Python 3.11.
#
# Guess before running it: an S3 client that reads AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and the rest of AWS's variables from the environment
# reads AWS_CA_BUNDLE too, the variable by which AWS's own tools are told of a company's certificate authority.
# What happens: AWS_CA_BUNDLE is passed over without a word, and a bucket behind such a certificate can't be reached. SSL_CERT_FILE is
# read, which is OpenSSL's variable, though the client is built on rustls and no OpenSSL takes part.
#
# Output seen (what came of asking one bucket, through TLS with a certificate of a new authority):
#   no variable:    certificate refused
#   AWS_CA_BUNDLE:  certificate refused
#   SSL_CERT_FILE:  answered
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1 trustme==1.2.1
cat > "$work/ask.py" <<'PYTHON'
import sys
from datetime import timedelta

from obstore.store import S3Store

store = S3Store("bucket", endpoint=sys.argv[1], access_key_id="key", secret_access_key="secret", region="any",
                client_options={"timeout": "10s"}, retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=5)})
try:
    store.get("object").bytes()
    print("answered")
except Exception as error:
    said = f"{error} {error!r}".lower()
    print("certificate refused" if "certificate" in said else f"another error: {error}")
PYTHON
cat > "$work/both.py" <<'PYTHON'
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import trustme

work = Path(sys.argv[1])
authority = trustme.CA()
authority.cert_pem.write_to_path(str(work / "authority.pem"))


class Bucket(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"here"
        self.send_response(200)
        for name, value in (("Content-Length", "4"), ("ETag", '"1"'), ("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
server = HTTPServer(("127.0.0.1", 0), Bucket)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

CLEARED = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")
plain = {name: value for name, value in os.environ.items() if name not in CLEARED}
found = {}
for title, name in (("no variable", ""), ("AWS_CA_BUNDLE", "AWS_CA_BUNDLE"), ("SSL_CERT_FILE", "SSL_CERT_FILE")):
    given = {name: str(work / "authority.pem")} if name else {}
    asked = [sys.executable, work / "ask.py", f"https://localhost:{server.server_port}"]
    found[title] = subprocess.run(asked, env={**plain, **given}, capture_output=True, text=True, check=True).stdout.strip()
    print(f"{title + ':':<15} {found[title]}")
server.shutdown()
sys.exit(list(found.values()) != ["certificate refused", "certificate refused", "answered"])
PYTHON
"$work/venv/bin/python" "$work/both.py" "$work"
