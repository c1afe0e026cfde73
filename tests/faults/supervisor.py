"""What an orchestrator does: it starts again whatever ended by itself, and looks at each one's memory once a second."""

import time
from threading import Thread

from deploy.local.cluster import resident
from world import World

TICK = 0.5


class Supervisor:
    """A thread over a world. Who is held down it leaves alone. `crashes` tells who ended by itself, and how."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.crashes: list[str] = []
        self.error: BaseException | None = None
        self._thread = Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of the world."""
        self._thread.join(30)

    def _run(self) -> None:
        sample = 0.0
        try:
            while not self._world.ending.wait(TICK):
                self._start_again()
                if time.monotonic() - sample >= 1:
                    sample = time.monotonic()
                    self._sample()
        except BaseException as error:  # told by whoever waits for the run: without us nothing would come back
            self.error = error
            raise

    def _start_again(self) -> None:
        for name in [*self._world.processes, *self._world.cluster.members]:
            with self._world.lock:
                if name in self._world.held or self._world.ending.is_set() or self._world.pid(name):
                    continue
                process = self._world.processes.get(name)
                code = process.child.returncode if process and process.child else None
                self._world.note(name, "exited", code=code)
                self.crashes.append(f"{name} ended by itself" + (f" with {code}" if code is not None else ""))
                print(f"          {self.crashes[-1]}; started again", flush=True)
                self._world.launch(name)

    def _sample(self) -> None:
        for name in [*self._world.processes, *self._world.cluster.members]:
            pid = self._world.pid(name)
            if pid is not None and (size := resident(pid)):
                self._world.history.write("rss", name=name, bytes=size)
