"""Cameras and cards that a guest has only when they are asked for."""

import os

from .errors import LabError

# Driver of the guest -> qemu's device.
CARDS = {"cirrus": "cirrus-vga", "qxl": "qxl"}


def hardware(cards):
    """What qemu's command line says of these cards."""
    return [word for card in cards for word in ("-device", CARDS[card])]


def webcam_program(build):
    """The program of a build that is a camera for the guest's kernel."""
    program = build / "tests" / "lab" / "webcam" if build else None
    if not program or not os.access(program, os.X_OK):
        raise LabError(f"--webcam needs a program that is not built: {program or 'tests/lab/webcam of a build'} "
                       "(cmake --build --preset dev --target webcam)")
    return program
