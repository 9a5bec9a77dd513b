import Fastify from "fastify";

const app = Fastify();
app.get("/", async () => ({ hello: "fastify v1" }));
await app.listen({ port: Number(process.env.PORT), host: "0.0.0.0" });
