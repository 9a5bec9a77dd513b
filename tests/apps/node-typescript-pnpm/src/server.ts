import { serve } from "@hono/node-server";
import { Hono } from "hono";

const app = new Hono();
const text: string = "hono v1";
app.get("/", (context) => context.text(text));
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
