"""What the text of every error has to hold."""

import re

_REQUIRED = re.compile(r"\b(must|takes|needs|has the right columns|imputes nothing)\b")
_GOT = re.compile(r"\b(got\b|has \d+ missing|missing:|not known|another order)")
_TO_DO = re.compile(r"[.;:] [A-Z][a-z]+ ")


def says_all_three(error: BaseException) -> bool:
    """Whether a message says what is required, what was got and what to do."""
    text = str(error)
    return all(part.search(text) for part in (_REQUIRED, _GOT, _TO_DO))
