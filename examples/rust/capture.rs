//! hwalloc in Rust, on what bindgen makes of hwalloc/hwalloc.h: memory by name, mapped, and a camera's frames in it.
//!
//!     capture ALLOCATOR [CAMERA [FRAMES [FILE]]]
//!
//! No crate is needed. HWALLOC_RS names bindgen's file when this is compiled (docs/c.md).

#[allow(non_camel_case_types, non_upper_case_globals, non_snake_case, dead_code, unused_imports, clippy::all)]
mod hwalloc {
    include!(env!("HWALLOC_RS"));
}

use std::ffi::{CStr, CString};
use std::io::Write;
use std::os::raw::{c_char, c_int};
use std::ptr::null_mut;

fn text(from: *const c_char) -> String {
    unsafe { CStr::from_ptr(from) }.to_string_lossy().into_owned()
}

/// What a function of the library answered, as Rust has it: its error is the whole story, in words.
fn answered(answer: c_int, error: *mut hwalloc::hwalloc_error) -> Result<(), String> {
    if answer >= 0 {
        return Ok(());
    }
    let told = unsafe { text(hwalloc::hwalloc_error_message(error)) };
    unsafe { hwalloc::hwalloc_error_free(error) };
    Err(told)
}

/// Calls a function of the library with a place for its error.
macro_rules! call {
    ($function:ident($($argument:expr),*)) => {{
        let mut error = null_mut();
        let answer = unsafe { hwalloc::$function($($argument,)* &mut error) };
        answered(answer, error)
    }};
}

/// A struct of the library that says its size, and is zero else.
macro_rules! sized {
    ($name:ident) => {{
        let mut made: hwalloc::$name = unsafe { std::mem::zeroed() };
        made.struct_size = std::mem::size_of::<hwalloc::$name>() as _;
        made
    }};
}

/// One handle on a memory.
struct Memory(*mut hwalloc::hwalloc_memory);

impl Memory {
    fn new(allocator: *mut hwalloc::hwalloc_allocator, size: u64) -> Result<Memory, String> {
        let mut made = null_mut();
        call!(hwalloc_alloc(allocator, size as _, std::ptr::null(), &mut made))?;
        Ok(Memory(made))
    }

    /// Lets `with` see the bytes; the CPU may read or write between map and unmap alone.
    fn mapped<T>(&self, flags: u32, with: impl FnOnce(&mut [u8]) -> T) -> Result<T, String> {
        let mut map = sized!(hwalloc_map_info);
        call!(hwalloc_memory_map(self.0, &mut map, flags))?;
        let bytes = unsafe { std::slice::from_raw_parts_mut(map.data as *mut u8, map.size as usize) };
        let answer = with(bytes);
        call!(hwalloc_memory_unmap(self.0, &mut map))?;
        Ok(answer)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        unsafe { hwalloc::hwalloc_memory_unref(self.0) }
    }
}

struct Camera(*mut hwalloc::hwalloc_camera);

impl Drop for Camera {
    fn drop(&mut self) {
        unsafe { hwalloc::hwalloc_camera_close(self.0) }
    }
}

fn capture(allocator: *mut hwalloc::hwalloc_allocator, path: &str, frames: u32, to: &mut dyn Write) -> Result<(), String> {
    let path = CString::new(path).map_err(|error| error.to_string())?;
    let mut opened = null_mut();
    call!(hwalloc_camera_open(path.as_ptr(), &mut opened))?;
    let camera = Camera(opened);
    let mut format = sized!(hwalloc_capture_format); // zeros: what the camera has
    call!(hwalloc_camera_negotiate(camera.0, &mut format))?;
    let mut layout = sized!(hwalloc_image_layout);
    call!(hwalloc_camera_layout(camera.0, &mut layout))?;
    if layout.memory_count != 1 {
        return Err("this program takes pictures in one memory".into());
    }
    let count = unsafe { hwalloc::hwalloc_camera_min_buffers(camera.0) } + 2;
    let buffers = (0..count).map(|_| Memory::new(allocator, layout.memory_sizes[0])).collect::<Result<Vec<_>, _>>()?;
    let handles: Vec<_> = buffers.iter().map(|memory| memory.0).collect();
    call!(hwalloc_camera_bind(camera.0, handles.as_ptr(), handles.len() as _))?;
    call!(hwalloc_camera_start(camera.0))?;
    for _ in 0..frames {
        let mut frame = sized!(hwalloc_frame);
        call!(hwalloc_camera_dequeue(camera.0, 10000, &mut frame))?;
        let (begin, used) = (frame.offsets[0] as usize, frame.bytes_used[0] as usize);
        buffers[frame.index as usize]
            .mapped(hwalloc::HWALLOC_MAP_READ as u32, |bytes| to.write_all(&bytes[begin..begin + used]))?
            .map_err(|error| error.to_string())?;
        call!(hwalloc_camera_queue(camera.0, frame.index))?;
    }
    call!(hwalloc_camera_stop(camera.0))?;
    let copies = unsafe { hwalloc::hwalloc_camera_copies(camera.0) };
    eprintln!("{}x{}: {} frames, {} copies", format.width, format.height, frames, copies);
    Ok(())
}

fn run(words: &[String]) -> Result<(), String> {
    let name = CString::new(words.first().map_or("sysmem", |word| word.as_str())).map_err(|error| error.to_string())?;
    let mut allocator = null_mut();
    call!(hwalloc_resolve(name.as_ptr(), &mut allocator))?;
    let memory = Memory::new(allocator, 640 * 480 * 2)?;
    memory.mapped(hwalloc::HWALLOC_MAP_WRITE as u32, |bytes| {
        for (number, byte) in bytes.iter_mut().enumerate() {
            *byte = number as u8;
        }
    })?;
    let whole = memory.mapped(hwalloc::HWALLOC_MAP_READ as u32, |bytes| {
        bytes.iter().enumerate().all(|(number, byte)| *byte == number as u8)
    })?;
    if !whole {
        return Err("what was written is not what is read".into());
    }
    eprintln!("{}: {} bytes", name.to_string_lossy(), unsafe { hwalloc::hwalloc_memory_size(memory.0) });
    if let Some(camera) = words.get(1) {
        let frames = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(1);
        let mut to: Box<dyn Write> = match words.get(3) {
            Some(path) => Box::new(std::fs::File::create(path).map_err(|error| error.to_string())?),
            None => Box::new(std::io::sink()),
        };
        capture(allocator, camera, frames, &mut to)?;
    }
    Ok(())
}

fn main() {
    if let Err(told) = run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        eprintln!("capture: {told}");
        std::process::exit(1);
    }
}
