TEXT: int
WORD: int
NUMBER: int
ID: int
TIME: int
REAL: int

class Maker:
    def __init__(self, header: bytes, fields: list[tuple[str, int, int]], words: list[str]) -> None: ...
    def make(
        self, value: bytes, key: bytes, incarnation: str, partition: int, offset: int, live: bool
    ) -> tuple[int, str, int | None, bytes] | None: ...
