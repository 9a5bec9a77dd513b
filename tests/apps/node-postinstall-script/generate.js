require("fs").writeFileSync("generated.js", "module.exports = \"generated\";\n");
