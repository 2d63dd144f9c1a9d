"""One self-contained HTML page of everything that was found out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from explainrelu.reports.findings import Findings
from explainrelu.reports.numbers import counted
from explainrelu.reports.page.cards import cards, coefficient_map, worked_row
from explainrelu.reports.page.sections import (
    agreement,
    checks,
    columns,
    key_figures,
    layers,
    model,
    performance_figures,
    profiles,
    provenance,
    ranking,
    reduction,
    regions,
)
from explainrelu.reports.page.simplified import few_rules
from explainrelu.reports.page.weakness import weakness
from explainrelu.reports.statements import statements, verdict
from explainrelu.reports.tables import TABLES

__all__ = ["content", "page", "rendered"]

_TEMPLATES = Path(__file__).parent / "templates"


def page(findings: Findings) -> str:
    """The page as HTML text: style and pictures inside, no script, nothing to load.

    Notes
    -----
    Every text that comes from the data or the model is escaped. The same findings give the same
    text.
    """
    return rendered("page.html", content(findings))


def rendered(template: str, parts: Mapping[str, Any]) -> str:
    """One of the templates beside, filled in."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(parts)


def content(findings: Findings) -> dict[str, Any]:
    """What ``page.html`` is filled with."""
    return {
        "title": findings.title,
        "created": f"{findings.created:%d %B %Y, %H:%M} UTC".lstrip("0"),
        "state": str(findings.certificate.status),
        "verdict": verdict(findings),
        "figures": key_figures(findings),
        "statements": statements(findings),
        "checks": checks(findings),
        "model": model(findings),
        "layers": layers(findings),
        "columns": columns(findings),
        "reduction": reduction(findings),
        "performance": performance_figures(findings),
        "ranking": ranking(findings),
        "profiles": profiles(findings),
        "cards": cards(findings),
        "n_rules": counted(len(findings.rules), "rule"),
        "map": coefficient_map(findings),
        "worked": worked_row(findings),
        "regions": regions(findings),
        "few": few_rules(findings),
        "weak": weakness(findings),
        "timed": findings.few_rules is not None and _timed(findings),
        "agreement": agreement(findings),
        "provenance": provenance(findings),
        "tables": [name for name in TABLES if name in findings.tables],
        "version": _maker(findings),
    }


def _timed(findings: Findings) -> bool:
    """Whether a time was given for the proof of the few rules."""
    table = findings.tables["provenance"]
    return bool((table["value"][table["property"] == "argument time_limit"] != "None").any())


def _maker(findings: Findings) -> str:
    version = findings.fact("explainrelu", "provenance")
    return f"explainrelu {version}" if version[:1].isdigit() else "explainrelu"
