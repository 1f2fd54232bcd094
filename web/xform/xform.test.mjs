// Somebody else's engine is the judge: ODK's own loads every checklist that
// fieldpost writes as an XForm, fills it, and what it serialises is compared
// with what was filled in. What the words should be is read from the forms
// themselves, not from what wrote the XForm.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { every, load, parse } from './engine.mjs';

const top = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'fieldpost-xform-'));
after(() => rmSync(work, { recursive: true, force: true }));

const binary = join(work, 'fieldpost');
execFileSync('go', ['build', '-o', binary, '.'], { cwd: top, stdio: 'inherit' });
const fieldpost = (...args) => execFileSync(binary, ['content', ...args], { cwd: top, stdio: 'pipe' });
fieldpost('xform', '--all', join(work, 'xml'));

// The newest version of each checklist that ships, and one of a workbook that
// has conditions.
const newest = new Map();
const folder = join(top, 'content/forms');
for (const name of readdirSync(folder).filter((n) => /\.v\d+\.json$/.test(n))) {
	const form = JSON.parse(readFileSync(join(folder, name), 'utf8'));
	if (!(newest.get(form.key)?.version > form.version)) newest.set(form.key, form);
}
const forms = [...newest.values()].map((form) => ({ form, xml: readFileSync(join(work, 'xml', `${form.key}.xml`), 'utf8') }));
fieldpost('import', 'internal/odk/testdata/lot_walk.xlsx', '--out', join(work, 'walk.json'));
fieldpost('xform', join(work, 'walk.json'), '--out', join(work, 'walk.xml'));
const walk = { form: JSON.parse(readFileSync(join(work, 'walk.json'), 'utf8')), xml: readFileSync(join(work, 'walk.xml'), 'utf8') };

const languages = { en: 'English (en)', es: 'Español (es)' };

// rows gives a form's groups and items with their paths.
function rows(form) {
	let group = '';
	return form.survey.flatMap((row) => {
		if (row.type === 'end_group') return [];
		if (row.type === 'begin_group') group = `/data/${row.name}`;
		return [{ ...row, path: row.type === 'begin_group' ? group : `${group}/${row.name}` }];
	});
}

const isItem = (row) => row.type !== 'begin_group';

// words holds what the engine shows in each language to what the form says.
function words(root, form) {
	assert.deepEqual(root.languages.map((l) => l.language), Object.values(languages));
	for (const language of root.languages) {
		const code = Object.keys(languages).find((c) => languages[c] === language.language);
		root.setLanguage(language);
		const nodes = every(root);
		for (const row of rows(form)) {
			const node = nodes.get(row.path);
			assert.ok(node, `${row.path} is not there`);
			assert.equal(node.currentState.label?.asString, row[`label::${code}`], `${row.path} in ${code}`);
			if (!isItem(row)) continue;
			const said = node.currentState.hint?.asString ?? '';
			assert.equal(said, (row[`hint::${code}`] ?? '') + (row[`read_aloud::${code}`] ?? ''), `hint of ${row.path} in ${code}`);
			assert.deepEqual(
				node.currentState.valueOptions.map((o) => [o.value, o.label.asString]),
				form.choices.map((c) => [c.name, c[`label::${code}`]]),
			);
		}
	}
}

// filled is what the engine would hand in: the answer of each item that is
// there, by path, and whether it is ready.
async function filled(root) {
	const payload = await root.prepareInstancePayload({ payloadType: 'monolithic' });
	const [file] = payload.data[0].values();
	const data = parse(await file.text()).documentElement;
	const answers = {};
	const walkDown = (element, path) => {
		if (element.children.length === 0 && !path.includes(':') && !path.endsWith('/not_reviewed')) answers[path] = element.textContent;
		for (const child of element.children) walkDown(child, `${path}/${child.tagName}`);
	};
	walkDown(data, '/data');
	return { id: data.getAttribute('id'), version: data.getAttribute('version'), status: payload.status, answers };
}

const choices = ['yes', 'no', 'unsure'];

// fill answers all items in turn and compares what is handed in.
async function fill({ form, xml }) {
	const root = await load(xml);
	words(root, form);
	const want = {};
	rows(form).filter(isItem).forEach((row, n) => {
		want[row.path] = choices[n % 3];
		every(root).get(row.path).selectValue(want[row.path]);
	});
	const got = await filled(root);
	assert.deepEqual(got, { id: `fieldpost.${form.key}`, version: String(form.version), status: 'ready', answers: want });
}

// skips opens and closes the conditions of the workbook's checklist.
async function skips({ form, xml }) {
	const root = await load(xml);
	const path = Object.fromEntries(rows(form).map((row) => [row.name, row.path]));
	const node = (name) => every(root).get(path[name]);
	const open = () => rows(form).filter((row) => isItem(row) && node(row.name).currentState.relevant).map((row) => row.name.slice(-2)).join(' ');
	const answer = (name, value) => node(name).selectValue(value);
	const has = async () => Object.fromEntries(Object.entries((await filled(root)).answers).filter(([, value]) => value !== ''));

	assert.equal(open(), '01 04 05 09 10');
	assert.equal((await filled(root)).status, 'pending', 'what must be answered is not');
	answer('lot_walk.01', 'yes');
	assert.equal(open(), '01 02 04 05 08 09 10');
	answer('lot_walk.02', 'yes');
	assert.equal(open(), '01 02 03 04 05 08 09 10');
	answer('lot_walk.03', 'no');
	answer('lot_walk.05', 'yes');
	assert.equal(open(), '01 02 03 04 05 06 07 08 09 10');
	answer('lot_walk.07', 'unsure');
	assert.equal((await filled(root)).status, 'pending', 'the answer does not fit its constraint');
	answer('lot_walk.06', 'yes');
	assert.equal((await filled(root)).status, 'ready');
	assert.deepEqual(await has(), {
		[path['lot_walk.01']]: 'yes', [path['lot_walk.02']]: 'yes', [path['lot_walk.03']]: 'no',
		[path['lot_walk.05']]: 'yes', [path['lot_walk.06']]: 'yes', [path['lot_walk.07']]: 'unsure',
	});
	// An answer to what is not asked any more counts as none: 02 closes, and 03 with it.
	answer('lot_walk.01', 'no');
	assert.equal(open(), '01 05 06 07 08 09 10');
	assert.deepEqual(await has(), {
		[path['lot_walk.01']]: 'no', [path['lot_walk.05']]: 'yes', [path['lot_walk.06']]: 'yes', [path['lot_walk.07']]: 'unsure',
	});
}

test('[CONTENT] all 31 checklists were written', () => assert.equal(forms.length, 31));

for (const one of forms) {
	test(`[CONTENT] the engine shows ${one.form.key} in both languages, fills it, and hands in what was filled in`, () => fill(one));
}

test('[CONTENT] the checklist of a workbook opens and closes what its conditions say, and asks for what must be answered', async () => {
	words(await load(walk.xml), walk.form);
	await skips(walk);
});

// changed is an XForm with one thing broken.
function changed({ form, xml }, old, now) {
	assert.ok(xml.includes(old), `${old} is not in the form`);
	return { form, xml: xml.replaceAll(old, now) };
}

test('[CONTENT] control: a label that one language lacks is seen', async () => {
	const label = /<text id="\/data\/danger\/lot_walk\.09:label">\s*<value>Alguien está herido<\/value>\s*<\/text>/.exec(walk.xml)[0];
	await assert.rejects(async () => words(await load(changed(walk, label, '').xml), walk.form));
	await assert.rejects(async () => words(await load(changed(walk, 'Alguien está herido', '').xml), walk.form));
	await assert.rejects(async () => words(await load(changed(walk, 'Somebody is hurt', 'Alguien está herido').xml), walk.form));
});

test('[CONTENT] control: a condition that is broken, turned round or gone is seen', async () => {
	const condition = 'relevant="/data/vehicles/lot_walk.01  = &#39;yes&#39;"';
	for (const now of ['relevant="/data/vehicles/lot_walk.01 = = 1"', 'relevant="/data/vehicles/lot_walk.01 != &#39;yes&#39;"', 'relevant="/data/lot_walk.01 = &#39;yes&#39;"', '']) {
		await assert.rejects(() => skips(changed(walk, condition, now)), now);
	}
	await assert.rejects(() => skips(changed(walk, ' required="true()"', '')));
	await assert.rejects(() => skips(changed(walk, 'constraint=', 'foo=')));
});
