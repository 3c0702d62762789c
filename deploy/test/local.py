"""What the measurements of this directory share: a NATS server and processes on this machine."""
import os
import platform
import socket
import subprocess
import sys
import time


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serve(nats_server, root, port=0):
    """Starts a server with JetStream that syncs every record; returns its process and port."""
    port, conf = port or free_port(), os.path.join(root, "nats.conf")
    with open(conf, "w") as f:
        f.write(f'host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: "{root}/jetstream", sync_interval: always }}\n')
    log = os.path.join(root, "nats.log")
    with open(log, "wb") as f:
        server = subprocess.Popen([nats_server, "-c", conf], stdout=f, stderr=f)
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, port
        except OSError:
            time.sleep(0.1)
    with open(log) as f:
        sys.exit(f"the NATS server does not start: {f.read().strip()[-500:]}")


def stop(processes):
    """Ends those of the processes that still run."""
    for p in processes:
        if p.poll() is None:
            p.kill()
        p.wait()


def machine():
    """What a measurement has to say of where and when it was made."""
    return {"machine": {"processor": processor(), "cpus": os.cpu_count(), "system": platform.platform(), "load_1m": round(os.getloadavg()[0], 1)},
            "date": time.strftime("%Y-%m-%d")}


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
