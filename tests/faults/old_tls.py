"""A server that speaks TLS 1.1 at most. Says its port, then for each connection whether a client took that."""

import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
# Debian's OpenSSL speaks the old versions only at the lowest level of security.
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = ssl.TLSVersion.TLSv1
context.maximum_version = ssl.TLSVersion.TLSv1_1
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.sendall(b"220 hello\r\n")
            print("taken", inside.recv(1000), flush=True)
    except (ssl.SSLError, OSError) as error:
        print("refused", error, flush=True)
