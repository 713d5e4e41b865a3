//! Where the project is, and what other programs do there.

use hallway_testkit::{Hallway, try_sh};

/// The namespaces that hold the bridges: the test's own, or those of a sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) h: Hallway,
    sandbox: bool,
}

impl Place {
    pub(crate) fn host(h: Hallway) -> Self {
        Self { h, sandbox: false }
    }

    pub(crate) fn sandbox(h: Hallway) -> Self {
        Self { h, sandbox: true }
    }

    /// Runs a shell script there; its output, or why it failed.
    pub(crate) fn try_sh(&self, script: &str) -> Result<String, String> {
        if !self.sandbox {
            return try_sh(script);
        }
        let ran = self.h.run(&["sandbox", "shell", "--", "sh", "-c", script]);
        match ran.code {
            0 => Ok(ran.out),
            code => Err(format!("{code}\n{}{}", ran.out, ran.err)),
        }
    }

    /// Runs a shell script that must succeed; its output.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        let ran = self.try_sh(script);
        assert!(ran.is_ok(), "{script}: {ran:?}");
        ran.unwrap_or_default()
    }

    /// Writes a file that scripts there can read.
    pub(crate) fn write(&self, path: &str, text: &str) {
        self.sh(&format!("cat > {path} <<'END'\n{text}\nEND"));
    }

    /// Ends the sandbox, if it is one.
    pub(crate) fn end(&self) {
        if self.sandbox {
            self.h.run(&["sandbox", "rm", "default"]).ok();
        }
    }
}
