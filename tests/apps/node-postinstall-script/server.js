const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("postinstall v1"));
app.listen(process.env.PORT);
