//! Tests of which files above the present directory are used.

use std::fs::{Permissions, create_dir_all, set_permissions, write};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use rustix::fs::{XattrFlags, setxattr};

use super::*;

/// A directory with a Compose file and a directory below it; removed at the end.
struct Shop(PathBuf);

impl Shop {
    fn new(name: &str) -> Self {
        let directory = format!("hallway-above-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(directory);
        create_dir_all(path.join("src")).unwrap();
        let shop = Self(path.canonicalize().unwrap());
        shop.mode("", 0o755);
        shop.file("compose.yaml");
        shop
    }

    fn file(&self, name: &str) {
        write(self.0.join(name), "services: {}\n").unwrap();
        self.mode(name, 0o644);
    }

    fn mode(&self, name: &str, mode: u32) {
        set_permissions(self.0.join(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Why the file is not used; empty if it is.
    fn refused(&self) -> String {
        let above = search(&self.0.join("src"), &Users::of_process());
        assert_eq!(above.paths.is_empty(), above.refused.is_some());
        above.refused.unwrap_or_default()
    }

    #[track_caller]
    fn is_refused(&self, why: &str) {
        let refused = self.refused();
        assert!(refused.ends_with(why), "{refused:?} instead of {why:?}");
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _kept = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_symbolic_link_is_not_used() {
    let shop = Shop::new("link");
    assert_eq!(shop.refused(), "");
    shop.file("target");
    let link = |name: &str| symlink(shop.0.join("target"), shop.0.join(name)).unwrap();
    link("compose.override.yaml");
    shop.is_refused("compose.override.yaml is a symbolic link");
    std::fs::remove_file(shop.0.join("compose.override.yaml")).unwrap();
    std::fs::remove_file(shop.0.join("compose.yaml")).unwrap();
    link("compose.yaml");
    shop.is_refused("compose.yaml is a symbolic link");
}

#[test]
fn the_variables_of_another_user_are_not_used() {
    let shop = Shop::new("variables");
    shop.file(".env");
    assert_eq!(shop.refused(), "");
    shop.mode(".env", 0o666);
    shop.is_refused(".env");
    // A hallway file has no variables.
    shop.file("hallway.yaml");
    assert_eq!(shop.refused(), "");
    std::fs::remove_file(shop.0.join("hallway.yaml")).unwrap();
    std::fs::remove_file(shop.0.join(".env")).unwrap();
    symlink("nowhere", shop.0.join(".env")).unwrap();
    shop.is_refused(".env is a symbolic link");
}

/// In the mode, the bit of the group is then set although the group may not write.
#[test]
fn a_directory_that_an_access_control_list_opens_is_not_used() {
    /// Other users than the owner.
    const ANOTHER: u32 = 1234;
    for name in ["", "compose.yaml"] {
        let shop = Shop::new(&format!("list{}", name.len()));
        let path = match name {
            "" => shop.0.clone(),
            name => shop.0.join(name),
        };
        let of = path.metadata().unwrap();
        shop.mode(name, of.mode() | BY_GROUP);
        if of.uid() == of.gid() {
            assert_eq!(shop.refused(), "");
        }
        // linux/posix_acl_xattr.h: owner, a user, group, mask, others.
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, user) in [
            (0x01_u16, 7_u16, u32::MAX),
            (0x02, 7, ANOTHER),
            (0x04, 5, u32::MAX),
            (0x10, 7, u32::MAX),
            (0x20, 5, u32::MAX),
        ] {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(user.to_le_bytes());
        }
        let attribute = "system.posix_acl_access";
        match setxattr(&path, attribute, &list, XattrFlags::empty()) {
            Ok(()) => shop.is_refused(&format!("other users may write to {}", path.display())),
            // The file system, or the user namespace, does not allow it.
            Err(_) => return,
        }
    }
}

#[test]
fn the_user_that_stands_for_all_without_a_number_is_another_one() {
    assert_eq!(Users::new(65534, Some(7), 65534).0, [0, 7]);
    assert_eq!(Users::new(1000, Some(65534), 65534).0, [0, 1000]);
    assert_eq!(Users::new(1000, Some(7), 65534).0, [0, 1000, 7]);
}
