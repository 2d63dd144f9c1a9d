"""Numbers as a person reads them; the exact ones stand in the tables.

Groups of three digits are set apart by a narrow space, minus is a minus sign, and very large or
small numbers are written with a power of ten.
"""

import math

__all__ = ["MINUS", "count", "counted", "merit", "number", "percent", "plain", "signed"]

MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NARROW NO-BREAK SPACE}"
_NONE = "\N{EN DASH}"
_POWERS = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    r"""A number with ``digits`` significant digits, whole ones up to ten million written out.

    Examples
    --------
    >>> number(-0.03514), number(45021.3), number(6.984e-05), number(float("nan"))
    ('−0.0351', '45\u202f021', '6.98 × 10⁻⁵', '–')
    """
    if math.isnan(value):
        return _NONE
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    rounded = float(f"{value:.{digits - 1}e}")
    size = abs(rounded)
    if size == 0.0:
        return "0"
    if size >= 1e7 or size < 1e-3:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa} × 10{str(int(exponent)).translate(_POWERS)}"
    elif size >= 10.0 ** (digits - 1):
        text = f"{value:,.0f}" if size >= 10_000 else f"{value:.0f}"
    else:
        text = f"{value:.{digits - 1 - math.floor(math.log10(size))}f}"
    return text.replace("-", MINUS).replace(",", _SPACE)


def plain(value: float, digits: int = 6) -> str:
    r"""A measured value: no padding with zeros, all its digits up to ``digits``.

    Examples
    --------
    >>> plain(14.60), plain(33800.0), plain(0.006399)
    ('14.6', '33\u202f800', '0.006399')
    """
    if not math.isfinite(value) or (value != 0 and not 1e-4 <= abs(value) < 1e7):
        return number(value, digits)
    whole = abs(value) >= 10.0**digits or value == round(value)
    text = f"{value:.0f}" if whole else f"{value:.{digits}g}"
    if abs(value) >= 10_000:
        before, point, after = text.partition(".")
        text = f"{int(before):,}{point}{after}"
    return text.replace("-", MINUS).replace(",", _SPACE)


def signed(value: float, digits: int = 3) -> str:
    """A number that shows its sign.

    Examples
    --------
    >>> signed(1.956), signed(-2.0)
    ('+1.96', '−2.00')
    """
    text = number(value, digits)
    return f"+{text}" if value > 0 else text


def count(value: int) -> str:
    r"""A whole number.

    Examples
    --------
    >>> count(4000), count(10000)
    ('4000', '10\u202f000')
    """
    return f"{value:,}".replace(",", _SPACE) if value >= 10_000 else str(value)


def counted(value: int, noun: str) -> str:
    """A number of things, in the right number.

    Examples
    --------
    >>> counted(1, "row"), counted(569, "row")
    ('1 row', '569 rows')
    """
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def percent(share: float) -> str:
    """A share; ``0%`` and ``100%`` only where it is exactly that.

    Examples
    --------
    >>> percent(0.0791), percent(0.99996), percent(1.0), percent(0.0001)
    ('7.9%', '>99.9%', '100%', '<0.1%')
    """
    if math.isnan(share):
        return _NONE
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share > 0.999:
        return ">99.9%"
    return "<0.1%" if share < 0.001 else f"{share:.1%}"


def merit(value: float) -> str:
    """A figure of merit of which one is the best: ``1`` only where it is exactly that.

    Examples
    --------
    >>> merit(0.9874), merit(0.99998), merit(1.0)
    ('0.987', '>0.999', '1')
    """
    if value == 1.0:
        return "1"
    return ">0.999" if 0.9995 <= value < 1.0 else number(value)
