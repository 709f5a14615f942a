"""Tasks side by side, each in a process of its own: one that fails, or is killed, takes no other with it."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import connection
from typing import Any


def in_processes(
    tasks: Mapping[str, Callable[[], Any]], after: Mapping[str, str], *, jobs: int
) -> Iterator[tuple[str, Any, str | None]]:
    """Run each task in a process of its own, `jobs` at once; yields `name, result, error` as they end.

    A task that raises, or whose process is killed, is an error in words, and so is one that comes `after` it.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch do not survive a fork
    waiting, done, failed = list(tasks), set(), set()
    running: dict[connection.Connection, tuple[str, Any]] = {}
    try:
        while waiting or running:
            for name in list(waiting):
                before = after.get(name)
                if before in failed:
                    waiting.remove(name)
                    failed.add(name)
                    yield name, None, f"{before}, which it starts from, failed"
                elif len(running) < jobs and (before is None or before in done):
                    waiting.remove(name)
                    receiver, sender = context.Pipe(duplex=False)
                    process = context.Process(target=_work, args=(tasks[name], sender), name=name)
                    process.start()
                    sender.close()
                    running[receiver] = name, process
            for receiver in connection.wait(list(running)) if running else ():
                name, process = running.pop(receiver)
                try:
                    result, error = receiver.recv()
                except EOFError:
                    result, error = None, "its process was killed; was there enough memory?"
                process.join()
                (done if error is None else failed).add(name)
                yield name, result, error
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()


def _work(task: Callable[[], Any], sender: connection.Connection) -> None:
    """In the new process: send `result, None` or `None, error`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all; the command ends the others itself
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = task(), None
    except Exception as error:
        traceback.print_exc()
        answer = None, f"{type(error).__name__}: {error}"
    sender.send(answer)


def _end_with_parent() -> None:
    """However the command ends, nothing goes on training behind its back."""
    multiprocessing.parent_process().join()
    os._exit(1)
