"""Load for a local server, from a process of its own: ``python local_load.py URL RATE SECONDS``.

Some connections send a batch of one event each at a steady pace, whatever the answers take. Prints
as JSON how many were sent and accepted, and how long the answers took.
"""

import base64
import json
import socket
import sys
import threading
import time

CONNECTIONS = 8
TOKEN = base64.b64encode(b"key:secret").decode()
HEAD = (
    "POST /v2/events HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\n"
    f"Content-Type: application/json\r\nAuthorization: Basic {TOKEN}\r\nContent-Length: %d\r\n\r\n"
)
BODY = (
    '{"environment":"development","source_request_id":"%s","user_identities":{"customer_id":"1"},'
    '"events":[{"event_type":"custom_event","data":{"event_name":"Searched","custom_event_type":'
    '"search","custom_attributes":{"query":"teapot","price":19.90}}}]}'
)


def send(url, begin, rate, seconds, number, found):
    """Send at the pace of one connection, and add the time that each answer took."""
    host, port = url.removeprefix("http://").split(":")
    every, sent = CONNECTIONS / rate, 0
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (due := begin + (sent + number / CONNECTIONS) * every) < begin + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            body = (BODY % f"{number}-{sent}").encode()
            began = time.perf_counter()
            connection.sendall((HEAD % len(body)).encode() + body)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += connection.recv(4_096)
            found.append((time.perf_counter() - began, answer.startswith(b"HTTP/1.1 202 ")))
            sent += 1


def main(url, rate, seconds):
    found = []
    begin = time.perf_counter() + 0.1
    threads = [
        threading.Thread(target=send, args=(url, begin, float(rate), float(seconds), n, found))
        for n in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(seconds for seconds, _ in found)
    told = {
        "sent": len(found),
        "accepted": sum(accepted for _, accepted in found),
        "a second": round(len(found) / (time.perf_counter() - begin)),
        "p50 ms": round(times[len(times) // 2] * 1_000, 2),
        "p99 ms": round(times[len(times) * 99 // 100] * 1_000, 2),
        "most ms": round(times[-1] * 1_000, 2),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
