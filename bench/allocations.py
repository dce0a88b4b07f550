"""How often memory is asked for per event: a count that no noise of the machine moves.

A shim, compiled here and preloaded into the gateway, counts calls of malloc, calloc and realloc and the bytes
asked for, into a file that is mapped into memory. With PYTHONMALLOC=malloc Python's own objects pass through
it too, all but the few kinds that Python keeps on lists for reuse. Needs a C compiler and glibc.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

_SHIM: Final = r"""
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static uint64_t before_start[2];
static uint64_t *counts = before_start;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("BENCH_ALLOCATIONS");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) counts = map;
    close(file);
}

static void count(size_t size) {
    __atomic_fetch_add(&counts[0], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counts[1], size, __ATOMIC_RELAXED);
}

void *malloc(size_t size) { count(size); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { count(n * size); return __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { count(size); return __libc_realloc(old, size); }
"""


class Counts(NamedTuple):
    """Since the process began."""

    calls: int
    size: int


class Counter:
    """What a gateway is started with so that its allocations are counted, and the counts."""

    def __init__(self, directory: Path) -> None:
        """Raises RuntimeError where it cannot be compiled."""
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise RuntimeError("counting allocations needs a C compiler: apt-get install gcc, or its like")
        source, shim = directory / "allocations.c", directory / "allocations.so"
        source.write_text(_SHIM)
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(shim), str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the counter of allocations does not compile here: {done.stderr.strip()}")
        self._file = directory / "allocations.count"
        self._file.write_bytes(bytes(os.sysconf("SC_PAGE_SIZE")))
        self.environ = {
            "LD_PRELOAD": str(shim),
            "PYTHONMALLOC": "malloc",
            "BENCH_ALLOCATIONS": str(self._file),
        }

    def read(self) -> Counts:
        with self._file.open("rb") as file:
            return Counts(*struct.unpack("QQ", file.read(16)))
