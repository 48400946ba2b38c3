#!/usr/bin/perl
# contig.pl DEVICE COUNT: imports COUNT system-heap buffers
use strict;
my ($dev,$n)=@ARGV;
system("v4l2-ctl -d $dev --set-fmt-video=width=640,height=480,pixelformat=YUYV >/dev/null")==0 or die;
open(my $heap,'+<','/dev/dma_heap/system') or die;
open(my $v,'+<',$dev) or die;
my $r=pack('LLLLL',$n,1,4,0,0); ioctl($v,0xc0145608,$r) or die "REQBUFS $!"; my ($got)=unpack('L',$r); print "got $got: ";
for my $i (0..$n-1){ my $b=pack('QLLQ',614400,0,02000002,0); ioctl($heap,0xc0184800,$b) or die "heap $!"; my (undef,$fd)=unpack('QL',$b);
 my $q=pack('LLLLL x4 x16 x16 LL lx4 LLl x4',$i,1,0,0,0,0,4,$fd,614400,0,0); die length $q unless length($q)==88;
 print ioctl($v,0xc058565d,$q) ? "ok " : "[$!] "; }
print "\n";
