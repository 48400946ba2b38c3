// The test picture: eight bars of colour above sixteen steps of grey. It is made of blocks of 16 by 8 pixels
// of one colour each, so what YUYV and JPEG say of it is exact but for the rounding to 8 bits.
#pragma once
#include "bytes.h"
#include "modes.h"

namespace webcam {

// `brightness` is added to red, green and blue.
Bytes yuyv(const Size& size, int brightness); // BT.601, limited range
// Baseline JPEG, 4:2:2, as JFIF has it: BT.601, full range. Without Huffman tables a decoder has to know
// those of the standard, as for what many webcams send.
Bytes jpeg(const Size& size, int brightness, bool huffman_tables);

} // namespace webcam
