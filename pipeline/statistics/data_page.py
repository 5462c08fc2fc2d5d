"""A page about a set of examples for people: class balance, sizes, samples of each class, what was put aside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from html import escape

import tensorflow as tf
from PIL import Image, ImageOps

from pipeline import features
from pipeline.features import SPLITS, TRAIN_SPLIT
from pipeline.statistics.data_report import MEASURES, DataReport, Measure

_SAMPLES = 8
_THUMBNAIL_SIDE = 96
# Enough to meet every class of a usual set; a page is no place to read millions of images for.
_LOOKED_THROUGH = 5000
_NAMED = 200

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } h3 { font-size: 1rem; margin: 1rem 0 .3rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums } .bar { background: #3b78b8; height: .8rem }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem } figure { margin: 0 } figcaption { color: #5a6775 }
.samples { display: flex; flex-wrap: wrap; gap: .4rem } .samples img { image-rendering: auto; background: #eef1f4 }
.note { background: #fff4d6; padding: .4rem .7rem; margin: .3rem 0 }
@media (prefers-color-scheme: dark) {
  body { background: #14191f; color: #d9e0e8 } figcaption { color: #93a1b0 } .note { background: #453a17 }
  .samples img { background: #222a33 }
}
"""


def data_page(report: DataReport) -> str:
    """The page, whole: one HTML file that needs no other."""
    facts = report.facts
    drift = [one.sentence for one in report.check.exceeded]
    parts = [
        f"<h1>{escape(facts.source)}</h1>",
        "".join(f'<p class="note">{escape(note)}</p>' for note in (*facts.notes, *report.anomalies, *drift)),
        f"<p>spans: {escape(', '.join(facts.spans))}</p>" if facts.spans else "",
        "<h2>Images</h2>",
        _balance(report),
        "<h2>Sizes and looks</h2>",
        '<div class="charts">',
        *(_chart(MEASURES[key], by_split) for key, by_split in report.measures.items()),
        "</div>",
        _formats(report),
        "<h2>Against other data</h2>",
        _comparisons(report),
        "<h2>Samples of the training split</h2>",
        *(_samples(title, pictures) for title, pictures in _pictures(report)),
        f"<h2>Put aside: {len(report.quarantined)}</h2>",
        _quarantined(report),
    ]
    title = escape(facts.source)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>'
    )


def _balance(report: DataReport) -> str:
    facts = report.facts
    heads = ("", *SPLITS, "all", "")
    if not facts.labels:
        rows = [("images", [facts.split_size(split) for split in SPLITS])]
    else:
        rows = [(label, [facts.counts[split].get(label, 0) for split in SPLITS]) for label in facts.labels]
    most = max((sum(counts) for _, counts in rows), default=0) or 1
    body = [
        [escape(label), *counts, sum(counts), f'<div class="bar" style="width:{16 * sum(counts) / most:.2f}rem"></div>']
        for label, counts in rows
    ]
    return _table(heads, body)


def _formats(report: DataReport) -> str:
    names = sorted({name for counts in report.formats.values() for name in counts})
    rows = [[escape(name), *(report.formats.get(split, {}).get(name, 0) for split in SPLITS)] for name in names]
    return _table(("format", *SPLITS), rows)


def _chart(title: str, by_split: dict[str, Measure]) -> str:
    """The training split's histogram as bars, and the numbers of each split."""
    measure = by_split.get(TRAIN_SPLIT) or next(iter(by_split.values()))
    buckets = measure.histogram
    most = max((images for *_, images in buckets), default=0) or 1
    width = 220 / max(len(buckets), 1)
    bars = "".join(
        f'<rect x="{place * width:.1f}" y="{80 - 80 * images / most:.1f}" width="{max(width - 1, 1):.1f}" '
        f'height="{80 * images / most:.1f}"><title>{low:g} to {high:g}: {images:g}</title></rect>'
        for place, (low, high, images) in enumerate(buckets)
    )
    rows = [
        [split, *(f"{value:.4g}" for value in (m.minimum, m.median, m.mean, m.deviation, m.maximum))]
        for split, m in by_split.items()
    ]
    table = _table(("", "min", "median", "mean", "dev", "max"), rows)
    chart = f'<svg width="220" height="80" fill="#3b78b8" role="img" aria-label="{escape(title)}">{bars}</svg>'
    return f"<figure><h3>{escape(title)}</h3>{chart}<figcaption>{table}</figcaption></figure>"


def _comparisons(report: DataReport) -> str:
    rows = [
        [
            *map(escape, (one.feature.replace("_", " "), one.current, one.base, one.measure.replace("_", " "))),
            f"{one.value:.3f}",
            "" if one.limit is None else f"{one.limit:g}{' (above)' if one.is_exceeded else ''}",
        ]
        for one in report.check.comparisons
    ]
    none = "" if report.check.previous else "<p>There is no earlier data to compare with.</p>"
    return _table(("", "of", "against", "measure", "distance", "limit"), rows) + none


def _pictures(report: DataReport) -> Iterator[tuple[str, list[str]]]:
    """Some training images of each class as data URLs; of a regression, of all."""
    found: dict[str, list[str]] = {label: [] for label in report.facts.labels or ("",)}
    files = sorted(tf.io.gfile.glob(f"{report.examples_uri}/Split-{TRAIN_SPLIT}/*"))
    for record in tf.data.TFRecordDataset(files, "GZIP").take(_LOOKED_THROUGH):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        label = feature[features.LABEL_TEXT].bytes_list.value[0].decode() if report.facts.labels else ""
        if len(found[label]) < _SAMPLES:
            found[label].append(_data_url(feature[features.ENCODED].bytes_list.value[0]))
        if all(len(pictures) == _SAMPLES for pictures in found.values()):
            break
    yield from found.items()


def _data_url(encoded: bytes) -> str:
    content = io.BytesIO()
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except OSError:
        return ""  # a BMP variant that Pillow does not read
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    image.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _samples(title: str, pictures: Sequence[str]) -> str:
    shown = "".join(
        f'<img src="{picture}" alt="" height="{_THUMBNAIL_SIDE}">' if picture else "<span>not shown</span>"
        for picture in pictures
    )
    return f'<h3>{escape(title)}</h3><div class="samples">{shown}</div>'


def _quarantined(report: DataReport) -> str:
    rows = [
        [
            escape(text.encode(errors="replace").decode())
            for text in (entry.file, entry.label, entry.reason, entry.detail)
        ]
        for entry in report.quarantined[:_NAMED]
    ]
    more = len(report.quarantined) - len(rows)
    rest = f"<p>and {more} more; the quarantine artifact has them all</p>" if more > 0 else ""
    return (_table(("file", "label", "reason", "what was found"), rows) if rows else "<p>Nothing.</p>") + rest


def _table(heads: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    return f'<td class="n">{value:,}</td>' if isinstance(value, int) else f"<td>{value}</td>"
