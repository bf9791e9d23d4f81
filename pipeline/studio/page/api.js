/* The endpoints of the studio, from its OpenAPI description; nothing is loaded from elsewhere. */
import { h } from "/page/dom.js";

const typeOf = (schema) => schema?.$ref?.split("/").pop() ?? schema?.type ?? schema?.anyOf?.map(typeOf).join(" | ") ?? "any";

function endpoint(path, method, about) {
  const body = about.requestBody?.content?.["application/json"]?.schema;
  const answer = about.responses?.["200"]?.content?.["application/json"]?.schema;
  const rows = (about.parameters ?? []).map((parameter) => h("tr", {}, h("th", { scope: "row" }, parameter.name), h("td", {}, `${typeOf(parameter.schema)}, in the ${parameter.in}${parameter.required ? "" : ", may be left out"}`)));
  return h("section", {}, h("h2", {}, `${method.toUpperCase()} ${path}`), h("p", {}, about.description ?? about.summary ?? ""),
    rows.length ? h("table", {}, h("tbody", {}, ...rows)) : "", body ? h("p", { className: "hint" }, `Body: ${typeOf(body)}`) : "", answer?.$ref ? h("p", { className: "hint" }, `Answer: ${typeOf(answer)}`) : "");
}

function model(name, schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([field, about]) => h("tr", {}, h("th", { scope: "row" }, field), h("td", {}, typeOf(about))));
  return h("section", {}, h("h2", {}, name), h("p", {}, schema.description ?? ""), h("table", {}, h("tbody", {}, ...rows)));
}

async function start() {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "dark";
  const { info, paths, components } = await (await fetch("/api/openapi.json")).json();
  document.getElementById("endpoints")?.replaceChildren(
    h("p", {}, `${info.title} ${info.version}. `, h("a", { href: "/api/openapi.json" }, "The same as openapi.json"), ". A request needs the cookie that the address of the page sets."),
    ...Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => endpoint(path, method, about))),
    ...Object.entries(components?.schemas ?? {}).filter(([name]) => !/^(HTTP)?Validation/.test(name)).map(([name, schema]) => model(name, schema)));
  document.documentElement.dataset.started = "";
}

start();
