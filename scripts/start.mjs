// npm start: installs and builds what is missing, then runs the server on the pinned Node.
// Runs on the machine's own Node, 18 or newer.
import {join} from 'node:path';
import {ensureBuilt, ensureInstalled, nodePath, root} from './prepare.mjs';
import {runNode} from './run-node.mjs';

ensureInstalled();
if (!ensureBuilt()) process.exit(1);
const flags = ['--enable-experimental-regexp-engine-on-excessive-backtracks'];
runNode(nodePath(), [...flags, join(root, 'dist', 'main.js'), ...process.argv.slice(2)]);
