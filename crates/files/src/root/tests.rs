use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    sync::atomic::{AtomicBool, Ordering},
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use tempfile::TempDir;

use super::*;

const CANARY: &str = "nobody may read this";

/// A folder with a root in it, and beside the root what nobody may read.
struct House {
    folder: TempDir,
    root: Root,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("root/sub/deep")).unwrap();
        fs::create_dir(at("beside")).unwrap();
        fs::write(at("beside/secret"), CANARY).unwrap();
        fs::write(at("root/file.txt"), "0123456789").unwrap();
        fs::write(at("root/sub/inner"), "inner").unwrap();
        let root = Root::open(&at("root"), Settings::default(), &[]).unwrap();
        Self { folder, root }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn find(&self, name: &str) -> Result<Found, Missed> {
        self.root.find(&Name::below(name, true).unwrap())
    }

    fn reads(&self, name: &str) -> Result<String, Missed> {
        match self.find(name)? {
            Found::File(opened) => {
                let mut bytes = Vec::new();
                opened.read(0, 1000, &mut bytes).unwrap();
                Ok(String::from_utf8(bytes).unwrap())
            }
            Found::Folder => Ok("a folder".to_owned()),
        }
    }
}

#[test]
fn what_lies_beneath_is_read() {
    let house = House::new();
    assert_eq!(house.reads("file.txt").as_deref(), Ok("0123456789"));
    assert_eq!(house.reads("sub/inner").as_deref(), Ok("inner"));
    assert_eq!(house.reads("sub").as_deref(), Ok("a folder"));
    assert_eq!(house.reads("").as_deref(), Ok("a folder"));
    assert_eq!(house.reads("other"), Err(Missed::Nothing));
    assert_eq!(house.reads("file.txt/x"), Err(Missed::Nothing));
}

#[test]
fn a_file_is_read_in_parts() {
    let house = House::new();
    let Ok(Found::File(opened)) = house.find("file.txt") else {
        panic!("it is not found");
    };
    let mut bytes = Vec::new();
    for (offset, most, part) in [(0, 3, "012"), (8, 5, "89"), (10, 5, ""), (99, 1, "")] {
        opened.read(offset, most, &mut bytes).unwrap();
        assert_eq!(bytes, part.as_bytes());
    }
    assert_eq!(opened.facts.length, 10);
}

#[test]
fn no_link_is_followed_wherever_it_leads() {
    let house = House::new();
    symlink("../beside/secret", house.at("out")).unwrap();
    symlink("../beside", house.at("outside")).unwrap();
    symlink(house.folder.path().join("beside/secret"), house.at("abs")).unwrap();
    symlink("file.txt", house.at("within")).unwrap();
    symlink("sub", house.at("folder")).unwrap();
    symlink("/proc/self/root", house.at("magic")).unwrap();
    symlink("round", house.at("round")).unwrap();
    for name in [
        "out",
        "outside/secret",
        "abs",
        "within",
        "folder/inner",
        "magic/etc/passwd",
        "round",
    ] {
        assert_eq!(house.reads(name), Err(Missed::Link), "{name}");
        let name = Name::below(name, false).unwrap();
        assert_eq!(house.root.holds(&name, false), Err(Missed::Link));
    }
}

#[test]
fn the_kernel_alone_keeps_what_is_opened_beneath() {
    let house = House::new();
    let how = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let open = |way: &str| house.root.open_at(way, how).map(drop);
    assert_eq!(open("file.txt"), Ok(()));
    // No name is like these; were one, it would go nowhere.
    for way in [
        "..",
        "../beside/secret",
        "sub/../../beside/secret",
        "/etc/passwd",
    ] {
        assert_eq!(open(way), Err(Errno::EXDEV), "{way}");
    }
}

#[test]
fn only_regular_files_are_files() {
    let house = House::new();
    mkfifo(&house.at("pipe"), Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(house.at("socket")).unwrap();
    for name in ["pipe", "socket"] {
        assert_eq!(house.reads(name), Err(Missed::Special), "{name}");
    }
}

#[test]
fn a_root_stays_where_it_was_opened() {
    let house = House::new();
    fs::rename(house.at(""), house.folder.path().join("moved")).unwrap();
    symlink("beside", house.folder.path().join("root")).unwrap();
    assert_eq!(house.reads("secret"), Err(Missed::Nothing));
    assert_eq!(house.reads("file.txt").as_deref(), Ok("0123456789"));
}

#[test]
fn some_folders_are_no_root() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("data/inner")).unwrap();
    fs::create_dir(at("public")).unwrap();
    fs::write(at("vouchsafe.toml"), "").unwrap();
    symlink("/", at("top")).unwrap();
    let (data, file, later) = (at("data"), at("vouchsafe.toml"), at("public/later/data"));
    let open = |path: &Path| {
        let private = [data.as_path(), &file];
        Root::open(path, Settings::default(), &private).map(drop)
    };
    assert!(open(&at("public")).is_ok());
    assert!(matches!(open(Path::new("/")), Err(RootFault::Everything)));
    assert!(matches!(open(&at("top")), Err(RootFault::Everything)));
    for machine in ["/proc", "/proc/self", "/sys", "/dev"] {
        assert!(matches!(
            open(Path::new(machine)),
            Err(RootFault::Machinery)
        ));
    }
    for private in [folder.path().to_path_buf(), at("data"), at("data/inner")] {
        assert!(matches!(open(&private), Err(RootFault::Private(_))));
    }
    assert!(matches!(open(&at("missing")), Err(RootFault::Io(_))));
    fs::write(at("no-folder"), "").unwrap();
    assert!(matches!(open(&at("no-folder")), Err(RootFault::Io(_))));
    let opened = Root::open(&at("public"), Settings::default(), &[&later]);
    assert!(matches!(opened, Err(RootFault::Private(_))));
}

#[test]
fn a_root_says_how_wide_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new();
    assert!(!house.root.is_shared());
    fs::set_permissions(house.at(""), fs::Permissions::from_mode(0o777)).unwrap();
    let root = |path: &Path| Root::open(path, Settings::default(), &[]).unwrap();
    assert!(root(&house.at("")).is_shared());
    assert!(root(Path::new("/usr")).is_wide());
    assert!(!root(&house.at("sub/deep")).is_wide());
}

#[test]
fn what_is_not_there_yet_needs_its_folder() {
    let house = House::new();
    let holds = |name: &str, exists| {
        let name = Name::decoded(name, false).unwrap();
        house.root.holds(&name, exists)
    };
    assert_eq!(holds("file.txt", true), Ok(()));
    assert_eq!(holds("sub", true), Ok(()));
    assert_eq!(holds("sub/new", true), Err(Missed::Nothing));
    assert_eq!(holds("sub/new", false), Ok(()));
    assert_eq!(holds("new", false), Ok(()));
    assert_eq!(holds("new/new", false), Err(Missed::Nothing));
}

#[test]
fn a_folder_that_becomes_a_link_while_it_is_walked_never_leads_out() {
    let house = House::new();
    fs::create_dir(house.at("swap")).unwrap();
    fs::write(house.at("swap/secret"), "inside").unwrap();
    symlink("../beside", house.at("link")).unwrap();
    let done = AtomicBool::new(false);
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (swap, link, aside) = (house.at("swap"), house.at("link"), house.at("aside"));
            while !done.load(Ordering::Relaxed) {
                fs::rename(&swap, &aside).unwrap();
                fs::rename(&link, &swap).unwrap();
                fs::rename(&swap, &link).unwrap();
                fs::rename(&aside, &swap).unwrap();
            }
        });
        // Each of both is seen before it ends; the other thread cannot stop them for ever.
        for _ in 0..2_000_000 {
            match house.reads("swap/secret") {
                Ok(text) => {
                    assert_ne!(text, CANARY, "the root was left");
                    inside += 1;
                }
                Err(_) => refused += 1,
            }
            if inside > 500 && refused > 500 {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(inside > 0 && refused > 0, "{inside} {refused}");
}
