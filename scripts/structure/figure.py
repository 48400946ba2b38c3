"""Draws docs/images/house.svg: the rooms, their folders, and the arrows between rooms. It has no numbers, which every
change would move."""

import collections
import html

from graph import TREE, corner_of, room_of

FIGURE = TREE / "docs" / "images" / "house.svg"
STYLE = """text{font:13px sans-serif;fill:#1c2733}.t{font-weight:bold;font-size:15px}.s{font-size:11px;fill:#53616f}
.room{fill:#f4f7fa;stroke:#8fa3b5}.box{fill:#fff;stroke:#b9c6d2}.a{stroke:#5b7288;fill:none;marker-end:url(#m)}.p{stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){svg{background:#0f161d}text{fill:#e4ebf2}.s{fill:#9fb0c0}.room{fill:#18222c;stroke:#4a5d70}
.box{fill:#0f161d;stroke:#3a4a5a}.a{stroke:#8fa9c2}}"""
# From the top: who uses stands above whom it uses.
BANDS = (("tools", "bindings", "integrations", "examples", "benchmarks"), ("backends",), ("allocators",), ("common",))
SAYS = {"tools": "the hwalloc command", "bindings": "other languages", "integrations": "other frameworks", "examples": "to copy from", "benchmarks": "beside a peer",
        "backends": "one folder for each memory; none includes another", "allocators": "the contract, and what stands on it",
        "common": "leaves that know nothing of allocators"}
WIDTH, NARROW, BOX, GAP, LANE = 916, 134, 112, 34, 22
RIGHT = WIDTH + 10


def band_of(room):
    return next(number for number, band in enumerate(BANDS) if room in band)


def room_box(room, folders, x, y, width, height):
    yield f'<rect class="room" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'
    yield f'<text class="t" x="{x + 12}" y="{y + 22}">{room}/</text>'
    yield f'<text class="s" x="{x + 12}" y="{y + 38}">{SAYS[room]}</text>'
    columns = (width - 20) // BOX
    for number, folder in enumerate(folders):
        left, top = x + 12 + number % columns * BOX, y + 46 + number // columns * 32
        yield f'<rect class="box" x="{left}" y="{top}" width="{BOX - 8}" height="26" rx="4"/>'
        yield f'<text x="{left + 8}" y="{top + 17}">{html.escape(folder.removeprefix(f"{room}/"))}</text>'


def bands(house):
    """The boxes as lines of SVG, and for each band where it begins and ends."""
    lines, edges, y = [], [], 12
    for band in BANDS:
        folders = {room: sorted({corner_of(name) for name in house.files if room_of(name) == room} - {room}) for room in band}
        widths = {room: NARROW if number else WIDTH - (len(band) - 1) * (NARROW + 16) for number, room in enumerate(band)}
        height = 54 + 32 * max(-(-len(folders[room]) // ((widths[room] - 20) // BOX)) for room in band)
        x = 10
        for room in band:
            lines += room_box(room, folders[room], x, y, widths[room], height)
            x += widths[room] + 16
        edges.append((y, y + height))
        y += height + GAP
    return lines, edges


def arrows(house, edges):
    """From each band to each room that it includes from: straight to the next, round the others on the right."""
    public_only = {}
    for source, target, public in house.arrows:
        if room_of(source) != room_of(target):
            way = band_of(room_of(source)), band_of(room_of(target))
            public_only[way] = public_only.get(way, True) and public
    for lane, (start, end) in enumerate(sorted(public_only, key=lambda way: (-way[0], way[1]))):
        style = "a p" if public_only[start, end] else "a"
        if end == start + 1:
            yield f'<path class="{style}" d="M{RIGHT // 2} {edges[start][1]}V{edges[end][0] - 2}"/>'
        else:
            bottom, top = edges[start][1] - 14 - 6 * lane, edges[end][0] + 20 + 6 * lane
            yield f'<path class="{style}" d="M{RIGHT} {bottom}H{RIGHT + lane * LANE}V{top}H{RIGHT + 3}"/>'


def drawing(house):
    lines, edges = bands(house)
    lines += arrows(house, edges)
    y = edges[-1][1] + 20
    lines.append(f'<path class="a p" d="M14 {y}h34"/><text class="s" x="56" y="{y + 4}">by public headers alone</text>')
    lines.append(f'<path class="a" d="M214 {y}h34"/><text class="s" x="256" y="{y + 4}">by any header</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {RIGHT + 7 * LANE} {y + 16}" role="img">'
            f"<title>The rooms of hwalloc, and which includes which</title><style>{STYLE}</style>"
            '<defs><marker id="m" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="#5b7288"/></marker></defs>\n' + "\n".join(lines) + "\n</svg>\n")
