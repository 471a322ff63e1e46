//! Finds libcachecore: in the directory `CACHECORE_LIB_DIR`, else where pkg-config says, else where the
//! linker looks by itself.  Hands the directory on to dependents as `DEP_CACHECORE_LIB_DIR`, if there is one.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CACHECORE_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rustc-link-lib=dylib=cachecore");
    let directories = match env::var("CACHECORE_LIB_DIR") {
        Ok(directory) => vec![directory],
        Err(_) => directories_of_pkg_config(),
    };
    for directory in &directories {
        println!("cargo:rustc-link-search=native={}", directory);
    }
    if let Some(directory) = directories.first() {
        println!("cargo:lib_dir={}", directory);
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", directory); // of this package's tests alone
    }
}

/// Empty where there is no pkg-config, where it does not know the library, and where it is in a standard place.
fn directories_of_pkg_config() -> Vec<String> {
    let output = match Command::new("pkg-config").args(["--libs-only-L", "cachecore"]).output() {
        Ok(output) if output.status.success() => output.stdout,
        _ => return Vec::new(),
    };
    let text = String::from_utf8_lossy(&output);
    text.split_whitespace().filter_map(|word| word.strip_prefix("-L")).map(str::to_owned).collect()
}
