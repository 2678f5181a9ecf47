# machine.py - the machine: what it is and can do, whether others use it, and processes on it.
import os
import resource
import shlex
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf("SC_CLK_TCK")
QUIET = 0.15  # cores that others may use

# Children must not be told how to compute: OpenBLAS's overrides would slow some of them down.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
ENVIRONMENT["CUDA_VISIBLE_DEVICES"] = ""


class Failed(Exception):
    """A process of the benchmark failed; the text says why."""


def cores():
    return len(os.sched_getaffinity(0))


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def run(command, **options):
    """Runs a process to its end: (standard output, seconds, peak memory in MB)."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env=ENVIRONMENT, **options)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            why = err.read()
            first = next((line for line in why.splitlines() if "error:" in line), last_line(why))
            raise Failed(f"{os.path.basename(command[0])} ended with {process.returncode}: {first}")
        return out.read(), seconds, usage.ru_maxrss / 1024


# ------------------------------------------------------------------ who else is at work

def busy_seconds():
    """Processor time that this machine has given away, or lost to its host, in seconds."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / TICKS


def own_seconds(pids):
    """Of them, those of this process, the children that ended, and the running ones given."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15]) / TICKS  # with its ended children
    return total


class Watch:
    """How many cores others used while it was open, in self.others."""

    def __init__(self, pids=()):
        self.pids = list(pids)

    def __enter__(self):
        self.start = time.perf_counter(), busy_seconds(), own_seconds(self.pids)
        return self

    def __exit__(self, *_):
        elapsed = time.perf_counter() - self.start[0]
        others = busy_seconds() - self.start[1] - (own_seconds(self.pids) - self.start[2])
        self.others = round(max(0.0, others / elapsed), 3) if elapsed > 0 else 0.0


class Patience:
    """What a run may still wait for others to leave the cores alone, in seconds."""

    def __init__(self, seconds):
        self.left = seconds

    def wait(self, pids=()):
        """Until the machine is quiet or patience ends."""
        while self.left > 0:
            start = time.perf_counter()
            with Watch(pids) as watch:
                time.sleep(0.5)
            if watch.others < QUIET:
                return
            time.sleep(1.5)
            self.left -= time.perf_counter() - start


def load_average():
    with open("/proc/loadavg") as load:
        return float(load.read().split()[0])


# ------------------------------------------------------------------ what it is

def processor():
    wanted = {"model name": "name", "vendor_id": "vendor", "cpu family": "family", "model": "model"}
    found = {}
    with open("/proc/cpuinfo") as info:
        for line in info:
            key, _, value = line.partition(":")
            if key.strip() in wanted:
                found.setdefault(wanted[key.strip()], value.strip())
    return found


def peak_gflops(folder):
    """float32 FMA peak of all cores together, or None without a C compiler."""
    program = os.path.join(folder, "peak")
    build = shlex.split(ENVIRONMENT.get("CC", "cc"))
    build += ["-O2", "-march=native", "-ffp-contract=fast", os.path.join(HERE, "peak.c"), "-o",
              program]
    try:
        run(build)
    except (OSError, Failed):
        return None
    running = [subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
               for _ in range(cores())]
    return round(sum(float(process.communicate()[0].split()[0]) for process in running), 1)


def describe(folder):
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) / 1024 / 1024
    return {**processor(), "cores": cores(), "memory_gib": round(memory, 1),
            "peak_gflops": peak_gflops(folder), "kernel": os.uname().release}
