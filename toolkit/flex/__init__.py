"""The broker's own record of a day, its Flex statement, held against the journal."""
