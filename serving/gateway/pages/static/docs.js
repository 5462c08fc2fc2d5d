// Shows openapi.json: operations by tag, with parameters, bodies, answers and a curl line, then the schemas.

const document_ = await (await fetch("openapi.json")).json();

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) {
    // Descriptions mark code with backticks, the one piece of Markdown in them.
    text.split("`").forEach((part, index) => {
      if (index % 2 === 0) return made.append(part);
      const code = document.createElement("code");
      code.textContent = part;
      made.append(code);
    });
  }
  made.append(...children);
  return made;
}

function resolve(item) {
  if (!item.$ref) return item;
  return item.$ref.split("/").slice(1).reduce((found, key) => found[key], document_);
}

function typeName(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map(typeName).join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return schema.items ? `list of ${typeName(schema.items)}` : "list";
  if (schema.format === "binary") return "bytes";
  if (schema.properties) return `{${Object.keys(schema.properties).join(", ")}}`;
  return [schema.type ?? "any value"].flat().join(" or ");
}

function table(titles, rows) {
  const body = rows.map((cells) => element("tr", "", ...cells.map((cell) => element("td", cell))));
  const head = element("tr", "", ...titles.map((title) => element("th", title)));
  const wide = element("div", "", element("table", "", element("thead", "", head), element("tbody", "", ...body)));
  wide.className = "wide";
  return wide;
}

function contents(content = {}) {
  return Object.entries(content).map(([type, { schema }]) => `\`${type}\`: ${typeName(schema)}`).join("; ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// The scope that an operation needs; nothing where everybody may ask.
function needed(operation) {
  return operation.security?.flatMap((scheme) => Object.values(scheme).flat())[0];
}

function curl(method, path, operation) {
  const url = location.origin + path.replaceAll(/\{(\w+)\}/g, (_, name) => name.toUpperCase());
  const content = operation.requestBody?.content;
  const key = needed(operation) ? ' -H "Authorization: Bearer $DARKROOM_API_KEY"' : "";
  if (!content) return `curl${key} ${quoted(url)}`;
  if (content["image/*"]) return `curl${key} -H 'Content-Type: image/jpeg' --data-binary @IMAGE.jpg ${quoted(url)}`;
  const { example } = content["application/json"];
  return `curl${key} --json ${quoted(JSON.stringify(example))} ${quoted(url)}`;
}

function showOperation(path, method, operation) {
  const name = element("span", method.toUpperCase());
  name.className = "method";
  const parts = [element("summary", "", name, element("code", path), ` ${operation.summary}`)];
  if (operation.description) parts.push(element("p", operation.description));
  if (needed(operation)) parts.push(element("p", `Needs the scope \`${needed(operation)}\`.`));
  const parameters = (operation.parameters ?? []).map(resolve);
  if (parameters.length) {
    parts.push(element("h3", "Parameters"));
    parts.push(
      table(
        ["name", "in", "type", ""],
        parameters.map((one) => [`\`${one.name}\``, one.in, typeName(one.schema), one.description ?? ""]),
      ),
    );
  }
  if (operation.requestBody) {
    parts.push(element("h3", "Body"));
    const rows = Object.entries(operation.requestBody.content);
    parts.push(table(["type", "content"], rows.map(([type, { schema }]) => [`\`${type}\``, typeName(schema)])));
  }
  parts.push(element("h3", "Answers"));
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const found = resolve(answer);
    return [status, found.description, contents(found.content)];
  });
  parts.push(table(["status", "", "content"], answers));
  const line = document.createElement("pre");
  line.textContent = curl(method, path, operation);
  parts.push(element("h3", "Example"), line);
  return element("details", "", ...parts);
}

function showSchema([name, schema]) {
  const text = document.createElement("pre");
  text.textContent = JSON.stringify(schema, null, 2);
  return element("details", "", element("summary", "", element("code", name)), text);
}

const sections = [element("p", document_.info.description)];
for (const tag of document_.tags) {
  sections.push(element("h2", tag.name), element("p", tag.description));
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags.includes(tag.name)) sections.push(showOperation(path, method, operation));
    }
  }
}
sections.push(element("h2", "Schemas"), ...Object.entries(document_.components.schemas).map(showSchema));
document.getElementById("version").textContent = document_.info.version;
document.getElementById("main").replaceChildren(...sections);
document.getElementById("main").removeAttribute("aria-busy");
