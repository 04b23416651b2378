// The roles whose processes divide the partitions of the log among themselves. The command line
// names them without loading what they do.

export const partitionedRoles = ['ingest', 'engine', 'persist', 'publish'] as const;
export type PartitionedRole = (typeof partitionedRoles)[number];
