pub fn text() -> &'static str {
    "rust path v1"
}
