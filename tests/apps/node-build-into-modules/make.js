// As Prisma does: the client is made by the build, in the folder of the packages.
const fs = require("fs");
fs.mkdirSync("node_modules/.made", { recursive: true });
fs.writeFileSync("node_modules/.made/client.js", 'exports.text = "made v1";\n');
