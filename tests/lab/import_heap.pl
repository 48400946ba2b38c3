#!/usr/bin/perl
# import_heap.pl DEVICE COUNT: hands COUNT fresh buffers of the system heap (640x480 YUYV, 600 KiB) to a camera with
# VIDIOC_PREPARE_BUF and prints "taken" or the refusal for each. Raw ioctls: it shows what the kernel says, whatever the
# library thinks of it. x86-64 layouts.
use strict;
use warnings;

use constant {
    HEAP_ALLOC => 0xc0184800, REQBUFS => 0xc0145608, PREPARE_BUF => 0xc058565d,
    CAPTURE => 1, DMABUF => 4, FD_FLAGS => 02000002, SIZE => 640 * 480 * 2,
};

my ($device, $count) = @ARGV;
system("v4l2-ctl -d $device --set-fmt-video=width=640,height=480,pixelformat=YUYV >/dev/null") == 0 || die "no format\n";
open(my $heap, '+<', '/dev/dma_heap/system') || die "system heap: $!\n";
open(my $camera, '+<', $device) || die "$device: $!\n";
my $request = pack('L5', $count, CAPTURE, DMABUF, 0, 0);
ioctl($camera, REQBUFS, $request) || die "REQBUFS: $!\n";
for my $index (0 .. $count - 1) {
    my $allocation = pack('QLLQ', SIZE, 0, FD_FLAGS, 0);
    ioctl($heap, HEAP_ALLOC, $allocation) || die "system heap: $!\n";
    my (undef, $fd) = unpack('QL', $allocation);
    # index, type, bytesused, flags, field; timestamp, timecode; sequence, memory; m.fd; length, reserved2, request_fd
    my $buffer = pack('L5 x4 x16 x16 L2 l x4 L3 x4', $index, CAPTURE, 0, 0, 0, 0, DMABUF, $fd, SIZE, 0, 0);
    print ioctl($camera, PREPARE_BUF, $buffer) ? 'taken' : $!, "\n";
}
