"""Reads a PNG of 8-bit RGB or RGBA without any package: the tests' own eye on pictures that others wrote."""

import struct
import zlib


class Picture:
    def __init__(self, path):
        data = path.read_bytes()
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError(f"{path} is no PNG")
        packed, at = b"", 8
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + length]
            at += 12 + length
            if kind == b"IHDR":
                self.width, self.height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", body)
                if depth != 8 or color not in (2, 6) or interlace:
                    raise ValueError(f"{path}: {depth} bits, colour type {color}, interlace {interlace}")
                self.channels = 3 if color == 2 else 4
            elif kind == b"IDAT":
                packed += body
        self.rows = self._unfiltered(zlib.decompress(packed))

    def at(self, x, y):
        start = x * self.channels
        return tuple(self.rows[y][start:start + 3])

    def part(self, left, top, width, height):
        """The pixels of a part, as rows of R, G, B bytes."""
        rows = [row[left * self.channels:(left + width) * self.channels] for row in self.rows[top:top + height]]
        if self.channels == 4:
            rows = [b"".join(row[i:i + 3] for i in range(0, len(row), 4)) for row in rows]
        return b"".join(rows)

    def _unfiltered(self, raw):
        """PNG specification, "Filtering"."""
        size, step = self.width * self.channels, self.channels
        above, rows = bytes(size), []
        for y in range(self.height):
            kind = raw[y * (size + 1)]
            row = bytearray(raw[y * (size + 1) + 1:(y + 1) * (size + 1)])
            if kind == 1:
                for i in range(step, size):
                    row[i] = (row[i] + row[i - step]) & 255
            elif kind == 2:
                row = bytearray((a + b) & 255 for a, b in zip(row, above))
            elif kind == 3:
                for i in range(size):
                    row[i] = (row[i] + ((row[i - step] if i >= step else 0) + above[i]) // 2) & 255
            elif kind == 4:
                for i in range(size):
                    left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
                    guess = left + above[i] - corner
                    far = abs(guess - left), abs(guess - above[i]), abs(guess - corner)
                    nearest = left if far[0] <= far[1] and far[0] <= far[2] else above[i] if far[1] <= far[2] else corner
                    row[i] = (row[i] + nearest) & 255
            elif kind != 0:
                raise ValueError(f"filter {kind} in row {y}")
            above = bytes(row)
            rows.append(above)
        return rows
