"""Peak memory of a command and all that it starts: the greatest sum of their proportional set sizes seen.

proc_pid_smaps(5), "Pss": pages that several processes have count in parts, and so do pages that one has mapped twice. Sampled:
what lasts for less than a few milliseconds may be missed.
"""
import os
import pathlib
import subprocess
import time

PAUSE = 0.004


def descendants(pid):
    """The process and those that descend from it."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:  # it has ended
            pass
    return found


def pss(pid):
    """KiB; 0 for a process that has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def measure(argv):
    """KiB."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(pss, descendants(process.pid))))
        time.sleep(PAUSE)
    return most
