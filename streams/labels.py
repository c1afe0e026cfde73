"""Words from outside as labels of metrics: whoever sends anything makes no series without end."""

COURIERS = 100  # that are told by name
LENGTH = 60
OTHER = "other"


class Names:
    """The first `most` different words, each cut to LENGTH; all after them are `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __contains__(self, word: str) -> bool:
        return word[:LENGTH] in self._known

    def label(self, word: str) -> str:
        """What stands for the word."""
        if word not in self and len(self._known) >= self._most:
            return OTHER
        self._known.add(word[:LENGTH])
        return word[:LENGTH]
