"""Where each line that a document tells people to type is typed by a test. A line that is in none of these is a fault, and so is an
entry that no document has."""

README_PROGRAM = ("program.cpp", "README.md", "give_up(memory.error())")
README_C_PROGRAM = ("program.c", "README.md", "hwalloc_resolve(\"udmabuf\"")
C_PROGRAM = ("program.c", "docs/c.md", "hwalloc_memory_export_fd")
GST_PROGRAM = ("gst.c", "docs/gstreamer.md", "hwalloc_gst_allocator_get(")
PYTHON_PROGRAM = ("program.py", "docs/python.md", "numpy.asarray(view)[:] = 128")
HUGE_BACKEND = ("huge.cpp", "docs/adding-a-backend.md", "class HugeBlock")

# In clean roots of both releases, as a plain user who may use sudo, in one shell and in this order: (line, what its exit code may
# be, where it keeps what a compiler said). Those with words instead of codes: a file that must be there before the next line, made
# of a document's block.
IN_CLEAN_ROOTS = [
    ("scripts/demo", {0}, "build/demo.log"),
    ("scripts/setup", {0}),
    ("sudo apt-get install -y python3-dev python3-numpy", {0}),
    ("cmake --preset release -DHWALLOC_TESTS=OFF && cmake --build --preset release", {0}),
    ("DESTDIR=$PWD/build/package cmake --install build/release --prefix /usr", {0}),
    ("sudo cmake --install build/release && sudo ldconfig", {0}),
    README_PROGRAM,
    ("g++ -std=c++20 program.cpp $(pkg-config --cflags --libs hwalloc)", {0}),
    README_C_PROGRAM,
    ("cc -std=c11 program.c $(pkg-config --cflags --libs hwalloc)", {0}),
    C_PROGRAM,
    ("cc -std=c11 program.c $(pkg-config --cflags --libs hwalloc)", {0}),
    GST_PROGRAM,
    ("cc gst.c $(pkg-config --cflags --libs hwalloc-gst)", {0}),
    ("export GST_PLUGIN_PATH=$PWD/build/release/gstreamer-1.0", {0}),
    PYTHON_PROGRAM,
    ("python3 program.py", {0}),
    ("sudo apt-get install -y python3-venv python3-pip python3-setuptools python3-wheel", {0}),
    ("python3 -m venv --system-site-packages build/venv", {0}),
    ("build/venv/bin/pip install --no-index --no-build-isolation ./bindings/python", {0}),
    ("hwalloc list", {0}),
    ("hwalloc doctor", {0, 1}),  # 1: something is in the way, as in a root without devices
    ("hwalloc ps", {0}),
    ("sudo hwalloc ps", {0}),
    ("hwalloc capture --device auto --allocator auto --output frame.png", {0}),
    ("hwalloc capture --device auto --output frame.png", {0}),
    ("sudo cmake --install build/release --component UdevRules", {0}),
    ("sudo cmake --install build/release --component UdevRulesContiguous", {0}),
    ('sudo usermod -aG video "$USER"', {0}),
    ("sudo usermod -aG video alice", {0}),
    HUGE_BACKEND,
    ("g++ -std=c++20 -shared -fPIC -fvisibility=hidden huge.cpp $(pkg-config --cflags --libs hwalloc) -o huge.so", {0}),
    ("export HWALLOC_MODULE_PATH=$PWD", {0}),
    ("hwalloc check huge", {0}),
    ("cmake -B build -DHWALLOC_TESTS=OFF && cmake --build build -j$(nproc)", {0}),
    ("sudo apt-get install -y clang-19", {0}),
    ("CXX=clang++-19 cmake -B build/clang -G Ninja -DHWALLOC_TESTS=OFF -DCMAKE_UNITY_BUILD=OFF", {0}),
    ("cmake --build build/clang --target hwalloc hwalloc-vulkan", {0}),
    ("scripts/setup --cross", {0}),
    ("export HWALLOC_SYSROOT=$(scripts/cross arm64 sysroot)", {0}),
    ("cmake -G Ninja -B build/board --toolchain cmake/toolchains/arm64.cmake -DHWALLOC_TESTS=OFF -DHWALLOC_EXAMPLES=OFF", {0}),
    ("cmake --build build/board", {0}),
    ("DESTDIR=$PWD/build/stage cmake --install build/board --strip", {0}),
    ("qemu-aarch64 -L $HWALLOC_SYSROOT build/stage/usr/local/bin/hwalloc list", {0}),
    ("export PKG_CONFIG_PATH=$PWD/build/stage/usr/local/lib/pkgconfig", {0}),
    ("build/program.cpp", *README_PROGRAM[1:]),
    ("aarch64-linux-gnu-g++ --sysroot=$HWALLOC_SYSROOT -std=c++20 build/program.cpp $(pkg-config --cflags --libs hwalloc) -o build/program",
     {0}),
    ("qemu-aarch64 -L $HWALLOC_SYSROOT -E LD_LIBRARY_PATH=build/stage/usr/local/lib build/program", {0, 1}),  # 1: no heap
    ("cmake -S examples -B build/application --toolchain $PWD/cmake/toolchains/arm64.cmake -DCMAKE_FIND_ROOT_PATH=$PWD/build/stage", {0}),
    ("cmake --build build/application", {0}),
]

# In one guest of the lab with two test cameras, of which the second demands contiguous memory, in this order.
LAB_CAMERAS = "n_devs=2 node_types=0x1,0x1 allocators=0,1"
IN_THE_LAB = [
    ("hwalloc list", {0}),
    ("hwalloc doctor", {0, 1}),
    ("hwalloc doctor allocator/dma-heap/system >/dev/null && echo yes", {0}),
    ("hwalloc ps", {0}),
    ("hwalloc run --heap system=udmabuf -- hwalloc check dma-heap/system", {0}),
    ("hwalloc check dma-heap/system", {0}),
    ("hwalloc plan --camera /dev/video1 --gpu 0 --cpu read --size 640x480 --format YUYV --svg plan.svg", {0}),
    ("hwalloc plan --camera /dev/video0 --gpu 0", {0}),
    ("hwalloc plan --camera /dev/video0 --gpu 0 --cpu read --svg plan.svg", {0}),
    ("hwalloc plan --camera /dev/video0 --gpu 0 --display card0 --cpu read --size 640x480 --format XR24", {0, 1}),  # 1: none does for all
    ("hwalloc capture --device auto --allocator auto --output frame.png", {0}),
    ("hwalloc capture --device auto --output frame.png", {0}),
    ("hwalloc capture --size 1280x720 --fps 30 --output frame.png", {0}),
    ("hwalloc capture --to gpu --output frame.png", {0}),
    ("hwalloc capture --device auto --to gpu --output gpu.png", {0}),
    ("hwalloc capture --device /dev/video0 --to gpu --output frame.png", {0}),
    ("camera.py", "README.md", "for frame in camera:"),
    ("python3 camera.py", {0}),
    ("camera.py", "docs/python.md", "for frame in camera:"),
    ("python3 camera.py", {0}),
    ("plan.py", "docs/python.md", "plan.explain()"),
    ("python3 plan.py", {0}),
    ("hwalloc capture --to display", {0}),
    ("hwalloc capture --to display=virtio_gpu --json", {0}),
]

# On the host, where the lab can be used.
ON_THE_HOST = [
    ("scripts/test --list", {0}),
    ("scripts/setup --lab", {0}),
    ("scripts/lab run -- hwalloc list", {0}),
    ("scripts/lab run --user -- hwalloc list", {0}),
    ("scripts/lab run --vivid multiplanar=2 -- v4l2-ctl -d /dev/video0 --all", {0}),
    ("scripts/lab run -- build/dev/tests/contract/contract_tests --gtest_filter='*heap*'", {0}),
    ("scripts/lab run --vivid 'n_devs=2 allocators=0,1 node_types=0x1,0x1' -- hwalloc plan --camera /dev/video1 --display virtio_gpu "
     "--size 640x480 --format XR24 --policy allow-copy", {0}),
    ("scripts/lab run --loopback -- hwalloc list", {0}),
    ("scripts/lab run --vimc -- media-ctl -d platform:vimc -p", {0}),
    ("scripts/lab run --webcam -- hwalloc capture --device /dev/video1 --format YUYV --output build/bars.png", {0}),
    ("scripts/lab run --vivid none --webcam --webcam 'formats=MJPG slow=50' -- hwalloc list", {0}),
]

# Typed by another test, or by nobody, and why.
ELSEWHERE = {
    "python3 examples/capture.py /dev/video0 frame.png": "tests/lab/python_test.py, which judges the picture",
    "sudo apt-get install -y bindgen rustc libclang-dev": "tests/rust/rust_test.py types these three, in roots of their own",
    "bindgen /usr/local/include/hwalloc/hwalloc.h -o hwalloc.rs -- -I/usr/local/include": "the same",
    "HWALLOC_RS=$PWD/hwalloc.rs rustc --edition 2021 -O examples/rust/capture.rs -L /usr/local/lib -l hwalloc": "the same",
    "sudo scripts/package trixie": "tests/packages/packages_test.py does the same for both releases, as often as it needs",
    "sudo apt-get install -y ./build/packages/trixie/*.deb": "tests/packages/packages_test.py types it, with the name of each release",
    "scripts/test": "it is what runs this",
    "scripts/test --quick": "a part of what runs this",
    "tar -C build/stage -c usr | ssh board sudo tar -C / -x --no-same-owner": "needs a board",
    "ssh board sudo ldconfig": "the same",
    "ssh board hwalloc doctor": "the same",
    "cmake --preset dev && cmake --build --preset dev && ctest --test-dir build/dev": "the stage dev does the same, with a report",
    "sudo udevadm control --reload && sudo udevadm trigger --settle": "tests/lab/permissions_test.py, as root: the lab's guest runs "
                                                                      "udev, a root does not",
    "hwalloc capture --to display --frames 0": "runs until Control-C: tests/lab/display_test.py does it and stops it",
    "hwalloc capture --to display=card1 --frames 0 --size 1280x720": "the same; a card's number is each machine's own",
    "hwalloc capture --device /dev/video0 --allocator dma-heap/system --to gpu --frames 0 --json": "the same: tests/lab/gpu_test.py",
    "hwalloc list --json | jq -r '.allocators[] | select(.available).name'": "tests/tools/cli_test.py reads the same members",
    "scripts/lab shell": "needs a terminal: tests/lab/selftest gives it one",
    "scripts/lab run --screenshot bars.png -- hwalloc capture --to display=virtio_gpu --mark-first-frame --frames 100":
        "tests/lab/display_test.py",
    "scripts/lab run --fragment=64 --vivid 'n_devs=2 node_types=0x1,0x1 allocators=0,1' -- build/dev/tests/lab/judge_plan --camera "
    "/dev/video1 --gpu --size 320x180 --format GREY v4l2/video1 dma-heap/system udmabuf vulkan/0": "tests/lab/plan_test.py",
    "camera=$(build/dev/tests/lab/webcam tell 0 frames=short unplug plug)": "in a guest with that camera: tests/lab/webcam_test.py",
    "gst-launch-1.0 v4l2src io-mode=dmabuf-import num-buffers=100 ! hwallocate allocator=dma-heap/system ! fakesink":
        "tests/lab/gstreamer_test.py, with more frames",
    "scripts/bench": "measures; nothing else may run meanwhile",
    "scripts/bench --lab": "the same",
    "scripts/bench --compiler clang": "the same",
    "scripts/bench --quick --filter map": "the same",
    "podman run --device /dev/dma_heap/system --group-add keep-groups …": "no container engine is set up by a test",
    'docker run --device /dev/dma_heap/system --group-add "$(stat -c %g /dev/dma_heap/system)" …': "no container engine is set up by "
                                                                                                   "a test",
}
