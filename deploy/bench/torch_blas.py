"""Refuses to time PyTorch on the reference BLAS, which makes its linear layers some 50 times too slow."""
import re
import sys


def reference(maps):
    """Returns the reference BLAS among the libraries of /proc/self/maps, or None.

    >>> reference("7f0 r-xp 00 08:01 5 /usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0")
    '/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0'
    >>> reference("7f0 r-xp 00 08:01 5 /usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3")
    >>> reference("7f0 r-xp 00 08:01 5 /opt/torch/lib/libtorch_cpu.so")
    """
    found = re.search(r"\S*/blas/libblas\.so\S*", maps)
    return found.group() if found else None


def check():
    """Ends the program if this process, which has imported torch, has loaded the reference BLAS."""
    try:
        with open("/proc/self/maps") as f:
            slow = reference(f.read())
    except OSError:
        print("which BLAS PyTorch uses cannot be told on this system", file=sys.stderr)
        return
    if slow:
        sys.exit(f"PyTorch uses the reference BLAS, {slow}: its times would mean nothing. Install OpenBLAS (Debian: apt-get install libopenblas0-pthread)")
