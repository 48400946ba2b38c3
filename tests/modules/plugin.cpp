// An application's plug-in: its constructor does what the program says, while the linker is locked.
extern "C" void in_constructor();

[[gnu::constructor]] static void loaded() {
    in_constructor();
}
