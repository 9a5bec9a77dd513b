const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("express v1"));
app.listen(process.env.PORT);
