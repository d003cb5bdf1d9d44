"""A cloud that stores nothing and checks everything: it computes the SigV4 signature of each
request anew from the bytes that arrived, and answers SignatureDoesNotMatch if they are not the
bytes that were signed. (moto normalises paths before it checks, and so cannot judge odd keys.)

usage: verifier.py PORT ACCESS_KEY SECRET [SESSION_TOKEN]"""
import hashlib
import hmac
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

PORT, KEY, SECRET, TOKEN = int(sys.argv[1]), sys.argv[2], sys.argv[3], "".join(sys.argv[4:])


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def verdict(self, body):
        auth = self.headers.get("Authorization", "")
        fields = dict(part.strip().split("=", 1) for part in auth.removeprefix("AWS4-HMAC-SHA256 ").split(","))
        key, date, region, service, _ = fields["Credential"].split("/")
        path, _, query = self.path.partition("?")
        pairs = sorted(p if "=" in p else p + "=" for p in query.split("&") if p)
        pairs = ["=".join(quote(unquote(x), safe="-_.~") for x in p.split("=", 1)) for p in pairs]
        signed = fields["SignedHeaders"].split(";")
        headers = "".join(f"{h}:{' '.join((self.headers.get(h) or '').split())}\n" for h in signed)
        canonical = "\n".join([self.command, path, "&".join(pairs), headers, ";".join(signed), self.headers["x-amz-content-sha256"] or hashlib.sha256(body).hexdigest()])
        scope = f"{date}/{region}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
        derived = sign(sign(sign(sign(b"AWS4" + SECRET.encode(), date), region), service), "aws4_request")
        want = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
        if (self.headers.get("x-amz-security-token") or "") != TOKEN or (TOKEN and "x-amz-security-token" not in signed):
            return False
        return key == KEY and hmac.compare_digest(want, fields["Signature"])

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
            return b""  # only S3 uploads are chunked, and they name their hash
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self):
        good = self.verdict(self.body())
        protocol = self.headers.get("smithy-protocol")
        out = b"" if good else b"<Error><Code>SignatureDoesNotMatch</Code><Message>not the bytes that were signed</Message></Error>"
        self.send_response(200 if good else 403)
        self.send_header("ETag", '"0"')
        if protocol:
            self.send_header("smithy-protocol", protocol)
            out = b"\xa0" if good else b"\xa1\x66__type\x75SignatureDoesNotMatch"
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(out)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
