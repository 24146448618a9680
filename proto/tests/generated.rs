//! `src/gen` is what the `.proto` files say. `make proto` runs this with `TANDEM_UPDATE=1` to write it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prost_reflect::DescriptorPool;

fn files_under(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn proto_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            proto_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
}

#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut protos = Vec::new();
    proto_files(&root.join("tandem"), &mut protos);
    protos.sort();

    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(protos).unwrap();
    // The encoded set keeps our own options, which prost's types drop.
    let descriptor_set = compiler.encode_file_descriptor_set();

    let scratch = tempfile::tempdir().unwrap();
    let mut with_comments = protox::Compiler::new([root]).unwrap();
    with_comments.include_imports(true).include_source_info(true);
    let mut again = Vec::new();
    proto_files(&root.join("tandem"), &mut again);
    with_comments.open_files(again).unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .out_dir(scratch.path())
        .include_file("mod.rs")
        .emit_rerun_if_changed(false)
        .compile_fds(with_comments.file_descriptor_set())
        .unwrap();
    fs::write(scratch.path().join("descriptor_set.bin"), descriptor_set).unwrap();

    let target = root.join("src/gen");
    if std::env::var_os("TANDEM_UPDATE").is_some() {
        for name in files_under(&target).keys() {
            fs::remove_file(target.join(name)).unwrap();
        }
        for (name, content) in files_under(scratch.path()) {
            fs::write(target.join(name), content).unwrap();
        }
    }
    let (committed, fresh) = (files_under(&target), files_under(scratch.path()));
    assert!(committed.keys().eq(fresh.keys()), "files differ: run `make proto`");
    for (name, content) in &fresh {
        assert!(committed[name] == *content, "{name} differs: run `make proto`");
    }
}

#[test]
fn personal_data_is_marked_in_the_descriptor_set() {
    let pool = DescriptorPool::decode(tandem_proto::DESCRIPTOR_SET).unwrap();
    let option = pool.get_extension_by_name("tandem.type.v1.personal_data").unwrap();
    let text = pool.get_message_by_name("tandem.conversation.v1.TextContent").unwrap();
    let field = text.get_field_by_name("text").unwrap();
    assert!(field.options().has_extension(&option));
}
