"""Receives webhooks, and checks each by the standard library alone, as
https://www.standardwebhooks.com describes it. Writes what verifies to a file, a line
each, and "BAD" for what does not."""
import base64, hashlib, hmac, http.server, os, sys, time

out, secret_file, port_file = sys.argv[1:4]
with open(secret_file) as f:
    secret = base64.b64decode(f.read().strip().removeprefix("whsec_"))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = b".".join([self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), body])
        want = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        signatures = [s.split(",", 1) for s in self.headers["webhook-signature"].split(" ")]
        good = any(v == "v1" and hmac.compare_digest(s, want) for v, s in signatures)
        fresh = abs(time.time() - int(self.headers["webhook-timestamp"])) < 3600
        with open(out, "a") as f:
            f.write((body.decode() if good and fresh else "BAD") + "\n")
        self.send_response(204 if good and fresh else 400)
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
