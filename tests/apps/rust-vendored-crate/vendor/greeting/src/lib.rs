pub fn text() -> &'static str {
    "rust vendored v1"
}
