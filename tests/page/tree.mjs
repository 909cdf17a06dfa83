// What a screen reader is told: language, title, headings, tables.

import { writeFileSync } from "node:fs";

import { DESKTOP, PHONE, open, some } from "./browser.mjs";

export async function checkTree(browser, url, file, say) {
    for (const device of [DESKTOP, PHONE]) {
        const opened = await open(browser, url, { device });
        await opened.client.send("Accessibility.enable");
        const { nodes } = await opened.client.send("Accessibility.getFullAXTree");
        if (device === DESKTOP) {
            writeFileSync(file, draw(nodes));
            await checkHead(opened.page, say);
        }
        await checkTables(opened.page, nodes, device.name, say);
        await opened.close();
    }
}

/** The tree as text, without what nobody is told, and without texts that are the name of what they are in. */
function draw(nodes) {
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const lines = [];
    const visit = (node, depth, around) => {
        const [role, name] = [node.role?.value, node.name?.value ?? ""];
        const isShown = !node.ignored && role !== "InlineTextBox" && !(role === "StaticText" && name === around);
        if (isShown) {
            const told = (node.properties ?? []).filter(({ name: key }) => ["level", "focusable", "expanded", "url"].includes(key));
            const more = told.map(({ name: key, value }) => ` ${key}=${String(value.value).slice(0, 80)}`).join("");
            lines.push(`${"  ".repeat(depth)}${role}${name && ` ${JSON.stringify(name)}`}${more}`);
        }
        for (const id of node.childIds ?? []) {
            const child = byId.get(id);
            if (child) visit(child, depth + Number(isShown), isShown ? name : around);
        }
    };
    visit(nodes[0], 0, undefined);
    return `${lines.join("\n")}\n`;
}

async function checkHead(page, say) {
    const [lang, title, levels] = await page.evaluate(() => [
        document.documentElement.lang,
        document.title.trim(),
        [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
            .filter((one) => one.checkVisibility())
            .map((one) => Number(one.tagName[1])),
    ]);
    say("language", Boolean(lang), lang ? `lang="${lang}"` : "html has no lang");
    say("title", Boolean(title), title ? `title ${JSON.stringify(title)}` : "no title");
    const firsts = levels.filter((level) => level === 1).length;
    const jump = levels.find((level, index) => level > (levels[index - 1] ?? 0) + 1);
    const wrong = [firsts !== 1 && `${firsts} h1`, jump && `a jump to h${jump}`].filter(Boolean);
    say("headings", wrong.length === 0, `levels ${levels.join(" ") || "none"}${wrong.length ? `: ${wrong.join(", ")}` : ""}`);
}

async function checkTables(page, nodes, where, say) {
    const { wrong, count } = await page.evaluate(inspect);
    const told = {};
    for (const { ignored, role } of nodes) if (!ignored && role) told[role.value] = (told[role.value] ?? 0) + 1;
    for (const [role, number] of Object.entries(count)) {
        // Some browsers name a role anew, and count what has none of these.
        if ((told[role] ?? 0) !== number) wrong.push(`${number} of role ${role} are meant, and ${told[role] ?? 0} are told`);
    }
    const nameless = nodes.filter(({ ignored, role, name }) => !ignored && role?.value === "table" && !name?.value).length;
    if (nameless) wrong.push(`${nameless} tables have neither a caption nor a name`);
    const all = Object.entries(count).map(([role, number]) => `${number} ${role}`);
    say("tables", wrong.length === 0, `${where}: ${wrong.length ? some(wrong, 5) : `told as such: ${all.join(", ")}`}`);
}

/** In the page: what is wrong with its tables, and how many of each role it means to have. */
function inspect() {
    const wrong = [];
    const count = { table: 0, row: 0, columnheader: 0, rowheader: 0, cell: 0 };
    const groups = { THEAD: "table-header-group", TBODY: "table-row-group" };
    const natives = { TABLE: "table", ...groups, TR: "table-row", TH: "table-cell", TD: "table-cell" };
    for (const [index, table] of [...document.querySelectorAll("table")].entries()) {
        const complain = (text) => wrong.push(`table ${index + 1}: ${text}`);
        const cells = [...table.querySelectorAll("th, td")].filter((one) => one.checkVisibility());
        const rows = [...table.rows].filter((one) => one.checkVisibility());
        const scoped = (scope) => cells.filter((one) => one.matches(`th[scope=${scope}]`)).length;
        if (!scoped("col")) complain("no th scope=col");
        const inBody = [...table.tBodies].flatMap((body) => [...body.rows]);
        const headless = inBody.filter((row) => !row.querySelector("th[scope=row]")).length;
        if (headless) complain(`${headless} rows without th scope=row`);
        const loose = cells.filter((one) => one.matches("th:not([scope])")).length;
        if (loose) complain(`${loose} th without scope`);
        // With another display, browsers take the role away, each in its own way, unless it is written down.
        const changed = [table, ...table.querySelectorAll("thead, tbody, tr, th, td")].filter((one) => {
            const { display } = getComputedStyle(one);
            return display !== "none" && display !== natives[one.tagName] && !one.hasAttribute("role");
        });
        const first = changed[0]?.tagName.toLowerCase();
        if (first) complain(`${changed.length} of its parts, first a ${first}, are laid out otherwise and have no role`);
        count.table += Number(table.checkVisibility());
        count.row += rows.length;
        count.columnheader += scoped("col");
        count.rowheader += scoped("row");
        count.cell += cells.filter((one) => one.tagName === "TD").length;
    }
    return { wrong, count };
}
