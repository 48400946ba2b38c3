#!/usr/bin/env python3
"""A camera's frame as a picture, in memory that a plan found for camera and CPU: capture.py [CAMERA [FILE.png]]. Needs numpy."""

import struct
import sys
import zlib

import hwalloc
import numpy


def colours(yuyv, layout):
    """Red, green and blue of two pixels for each four numbers, by the matrix and the range that the driver told."""
    numbers = yuyv.reshape(layout.height, layout.width // 2, 4).astype(float)
    full = layout.range == "full"
    luma = (numbers[..., (0, 2)].reshape(layout.height, layout.width) - (0 if full else 16)) * (1 if full else 255 / 219)
    blueness, redness = ((numbers[..., at].repeat(2, axis=1) - 128) * (1 if full else 255 / 224) for at in (1, 3))
    kr, kb = {"bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}.get(layout.matrix, (0.299, 0.114))
    red, blue = luma + 2 * (1 - kr) * redness, luma + 2 * (1 - kb) * blueness
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return numpy.stack((red, green, blue), axis=-1).round().clip(0, 255).astype(numpy.uint8)


def png(rgb):
    """A PNG (RFC 2083) of bytes by row, column and colour."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    header = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main(device="/dev/video0", file="frame.png"):
    with hwalloc.Camera(device) as camera:
        camera.configure("YUYV", 640, 480)
        print(camera.card, "into", camera.allocate(), file=sys.stderr)
        frame = next(iter(camera))
        with frame.map() as view:
            picture = colours(numpy.array(view), frame.layout)
    with open(file, "wb") as out:
        out.write(png(picture))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except hwalloc.Error as error:
        sys.exit(f"capture.py: {error}")
