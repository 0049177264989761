// npm run demo: installs and builds what is missing, then plays examples/chat on the pinned Node.
import {join} from 'node:path';
import {ensureInstalled, nodePath, root} from './prepare.mjs';
import {runNode} from './run-node.mjs';

ensureInstalled();
runNode(nodePath(), [join(root, 'examples', 'chat', 'main.ts'), ...process.argv.slice(2)]);
