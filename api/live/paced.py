"""What a protocol tells its connection of the kernel."""

from api.live.direct import DirectConnection


class Paced:
    """Of a protocol: tells its connection, once it has one, whether the kernel takes what is written."""

    __slots__ = ()
    connection: DirectConnection | None

    def pause_writing(self) -> None:
        if self.connection is not None:
            self.connection.slow()

    def resume_writing(self) -> None:
        if self.connection is not None:
            self.connection.fast()
