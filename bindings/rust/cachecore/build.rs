//! The tests and examples of this package find the library where cachecore-sys found it.  What links a
//! program of another package is that package's: see README.md, "Installation".

fn main() {
    if let Ok(directory) = std::env::var("DEP_CACHECORE_LIB_DIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", directory);
    }
}
