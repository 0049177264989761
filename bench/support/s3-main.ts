// The S3 server of the tests as a process of its own: says where it is by a message, and ends with its parent.
import {S3Server} from '../../test/support/s3-server.ts';

const server = await S3Server.start();
process.send!(server.endpoint);
process.on('disconnect', () => process.exit(0));
