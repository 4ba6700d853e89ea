//! Reading a notice folder within limits.
//!
//! Decides what is taken from the file system at all: regular files, one folder deep, that lie inside the folder. Never
//! follows a link out of it and never reads more than the limits allow, whatever the folder holds.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::error::NoticeError;

/// A notice in fifty locales with three templates and one image each stays below this.
const FILES_MAX: usize = 200;
/// All files together: the set is kept in one database row and its images travel in every message.
const OCTETS_MAX: u64 = 5_000_000;

/// The wanted files of `dir` by their path in it, with `/` between folder and name.
///
/// # Errors
/// [`NoticeError`] where something cannot be read, leads out of the folder, or is over the limits.
pub(super) fn read(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Vec<u8>>, NoticeError> {
    let root = dir.canonicalize().map_err(|source| NoticeError::Read { path: dir.to_owned(), source })?;
    let mut files = BTreeMap::new();
    for (name, is_folder) in list(&root, &root)? {
        if is_folder {
            for (inner, is_folder) in list(&root, &root.join(&name))? {
                take(&root, format!("{name}/{inner}"), is_folder, &wanted, &mut files)?;
            }
        } else {
            take(&root, name, false, &wanted, &mut files)?;
        }
    }
    Ok(files)
}

/// The limits again, for a set that comes from elsewhere.
pub(super) fn within_limits(files: &BTreeMap<String, Vec<u8>>) -> Result<(), NoticeError> {
    if files.len() > FILES_MAX {
        return Err(NoticeError::TooManyFiles { limit: FILES_MAX });
    }
    if files.values().map(|content| content.len() as u64).sum::<u64>() > OCTETS_MAX {
        return Err(NoticeError::TooLarge { what: "the notice folder".into(), limit_octets: OCTETS_MAX });
    }
    Ok(())
}

/// Names in a folder, and whether each is a folder. Dot files, and what is neither file nor folder, are left out.
fn list(root: &Path, folder: &Path) -> Result<Vec<(String, bool)>, NoticeError> {
    let failed = |source| NoticeError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let real = path.canonicalize().map_err(|source| NoticeError::Read { path: path.clone(), source })?;
        if !real.starts_with(root) {
            return Err(NoticeError::LeadsOut(path));
        }
        let kind = fs::metadata(&real).map_err(|source| NoticeError::Read { path, source })?;
        if kind.is_file() || kind.is_dir() {
            names.push((name, kind.is_dir()));
        }
        if names.len() > FILES_MAX {
            return Err(NoticeError::TooManyFiles { limit: FILES_MAX });
        }
    }
    Ok(names)
}

fn take(
    root: &Path,
    path: String,
    is_folder: bool,
    wanted: impl Fn(&str) -> bool,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), NoticeError> {
    if is_folder || !wanted(&path) {
        return Ok(());
    }
    let place = root.join(&path);
    let failed = |source| NoticeError::Read { path: place.clone(), source };
    let mut content = Vec::new();
    // One octet past the limit is enough to know that a file is too large, however large it is.
    fs::File::open(&place).map_err(failed)?.take(OCTETS_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    files.insert(path, content);
    within_limits(files)
}
